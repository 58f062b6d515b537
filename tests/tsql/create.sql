IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo' AND [sid] <> 0x33221100554477668899AABBCCDDEEFF)
    THROW 50001, N'The user of this name belongs to another identity.', 1;
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo')
    CREATE USER [ca-demo] WITH SID = 0x33221100554477668899AABBCCDDEEFF, TYPE = E;
IF ISNULL(IS_ROLEMEMBER(N'db_datareader', N'ca-demo'), 0) = 0
    ALTER ROLE [db_datareader] ADD MEMBER [ca-demo];
IF ISNULL(IS_ROLEMEMBER(N'db_datawriter', N'ca-demo'), 0) = 0
    ALTER ROLE [db_datawriter] ADD MEMBER [ca-demo];
