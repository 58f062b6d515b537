-- The table that app.py keeps notes in. The app may read and write rows, not make tables:
-- run this once as the Microsoft Entra administrator of the server.
IF OBJECT_ID(N'dbo.notes', N'U') IS NULL
    CREATE TABLE dbo.notes (
        id int IDENTITY PRIMARY KEY,
        body nvarchar(400) NOT NULL
    );
