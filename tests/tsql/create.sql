IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo' AND [sid] <> 0x33221100554477668899AABBCCDDEEFF)
    THROW 50001, N'The user of this name belongs to another identity.', 1;
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'ca-demo')
    CREATE USER [ca-demo] WITH SID = 0x33221100554477668899AABBCCDDEEFF, TYPE = E;
IF NOT EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = DATABASE_PRINCIPAL_ID(N'db_datareader') AND [member_principal_id] = DATABASE_PRINCIPAL_ID(N'ca-demo'))
    ALTER ROLE [db_datareader] ADD MEMBER [ca-demo];
IF NOT EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = DATABASE_PRINCIPAL_ID(N'db_datawriter') AND [member_principal_id] = DATABASE_PRINCIPAL_ID(N'ca-demo'))
    ALTER ROLE [db_datawriter] ADD MEMBER [ca-demo];
