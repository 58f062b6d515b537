SELECT N'caller', CONVERT(nvarchar(1), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DEFINITION')), CONVERT(nvarchar(1), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'ALTER ANY USER')), CONVERT(nvarchar(1), IS_ROLEMEMBER(N'db_owner'));
SELECT N'user', [name], CONVERT(nvarchar(200), [sid], 1), CONVERT(nvarchar(1), [type]) FROM sys.database_principals WHERE [name] = @P1;
SELECT N'sid', [name], CONVERT(nvarchar(200), [sid], 1), CONVERT(nvarchar(1), [type]) FROM sys.database_principals WHERE [sid] = CONVERT(varbinary(85), @P2, 1);
SELECT N'role', [name], CONVERT(nvarchar(1), [is_fixed_role]), NULL FROM sys.database_principals WHERE [type] = N'R';
SELECT N'member', r.[name], u.[name], NULL FROM sys.database_role_members AS m JOIN sys.database_principals AS r ON r.[principal_id] = m.[role_principal_id] JOIN sys.database_principals AS u ON u.[principal_id] = m.[member_principal_id] WHERE u.[name] = @P1 OR u.[sid] = CONVERT(varbinary(85), @P2, 1);
