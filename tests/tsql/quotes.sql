IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'x]; DROP USER [dbo]; --'' 应用' AND [sid] <> 0x33221100554477668899AABBCCDDEEFF)
    THROW 50001, N'The user of this name belongs to another identity.', 1;
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'x]; DROP USER [dbo]; --'' 应用')
    CREATE USER [x]]; DROP USER [dbo]]; --' 应用] WITH SID = 0x33221100554477668899AABBCCDDEEFF, TYPE = E;
IF NOT EXISTS (SELECT 1 FROM sys.database_role_members WHERE [role_principal_id] = DATABASE_PRINCIPAL_ID(N'o''role]') AND [member_principal_id] = DATABASE_PRINCIPAL_ID(N'x]; DROP USER [dbo]; --'' 应用'))
    ALTER ROLE [o'role]]] ADD MEMBER [x]]; DROP USER [dbo]]; --' 应用];
