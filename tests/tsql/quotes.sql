IF EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'x]; DROP USER [dbo]; --'' 应用' AND [sid] <> 0x33221100554477668899AABBCCDDEEFF)
    THROW 50001, N'The user of this name belongs to another identity.', 1;
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE [name] = N'x]; DROP USER [dbo]; --'' 应用')
    CREATE USER [x]]; DROP USER [dbo]]; --' 应用] WITH SID = 0x33221100554477668899AABBCCDDEEFF, TYPE = E;
IF ISNULL(IS_ROLEMEMBER(N'o''role]', N'x]; DROP USER [dbo]; --'' 应用'), 0) = 0
    ALTER ROLE [o'role]]] ADD MEMBER [x]]; DROP USER [dbo]]; --' 应用];
