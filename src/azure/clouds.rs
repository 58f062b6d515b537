//! The clouds: endpoints, authorities, scopes and DNS suffixes.

/// A DNS suffix, and what is known about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// A source of Microsoft's names it for this cloud.
    Confirmed(&'static str),
    /// Seen in code or on a single page. Nothing is built from it and no token goes there: the address is read
    /// from the resource, and this only tells that it looks right.
    Assumed(&'static str),
}

impl Suffix {
    /// The suffix, if an address may be built from it.
    pub fn confirmed(self) -> Option<&'static str> {
        match self {
            Suffix::Confirmed(suffix) => Some(suffix),
            Suffix::Assumed(_) => None,
        }
    }

    /// The suffix, for recognising an address that comes from elsewhere.
    pub fn likely(self) -> &'static str {
        match self {
            Suffix::Confirmed(suffix) | Suffix::Assumed(suffix) => suffix,
        }
    }
}

/// DNS suffixes of data planes and apps, each with a leading dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suffixes {
    /// Key Vault (`<vault>.vault.azure.net`). Azure/azure-cli `cloud.py`; Key Vault's
    /// `about-keys-secrets-certificates` page.
    pub key_vault: Suffix,
    /// What follows `<account>.blob` and `<account>.file`. Azure/azure-cli `cloud.py`.
    pub storage: Suffix,
    /// Azure SQL servers. Azure/azure-cli `cloud.py`.
    pub sql: Suffix,
    /// Container registries. Azure/azure-cli `cloud.py`.
    pub acr: Suffix,
    /// Cosmos DB accounts. Azure Government's endpoint table; the one of China is not confirmed.
    pub cosmos: Suffix,
    /// Azure Cache for Redis. Microsoft's page on managing it with PowerShell.
    pub redis: Suffix,
    /// Azure Managed Redis (`<name>.<region>.redis.azure.net`). The sovereign ones stand in the code of
    /// StackExchange.Redis and Microsoft.Azure.StackExchangeRedis; whether the service is there is disputed.
    pub managed_redis: Suffix,
    /// The default domain of container apps. Several public deployments; the one of China stands on the firewall
    /// page of the product only.
    pub container_apps: Suffix,
}

impl Suffixes {
    /// Every suffix by the name that expressions have for it.
    pub fn all(&self) -> [(&'static str, Suffix); 8] {
        [
            ("key_vault", self.key_vault),
            ("storage", self.storage),
            ("sql", self.sql),
            ("acr", self.acr),
            ("cosmos", self.cosmos),
            ("redis", self.redis),
            ("managed_redis", self.managed_redis),
            ("container_apps", self.container_apps),
        ]
    }

    /// Those that an address may be built from: what the root `cloud` of expressions has. One that is not
    /// confirmed is null there.
    pub fn confirmed(&self) -> Vec<(String, String)> {
        let confirmed =
            |(name, suffix): (&str, Suffix)| Some((name.to_owned(), suffix.confirmed()?.to_owned()));
        self.all().into_iter().filter_map(confirmed).collect()
    }
}

/// One cloud.
#[derive(Debug, PartialEq, Eq)]
pub struct Cloud {
    /// The name `az cloud list` shows.
    pub name: &'static str,
    /// Azure Resource Manager, without a trailing slash.
    pub resource_manager: &'static str,
    /// Microsoft Entra ID, without a trailing slash.
    pub authority: &'static str,
    /// The OAuth scope of Azure Resource Manager.
    pub scope: &'static str,
    /// The audience that Entra ID expects in a federated assertion.
    pub assertion_audience: &'static str,
    /// The OAuth scope of Azure SQL, whatever the server. Microsoft's list of services that take tokens of
    /// managed identities has it for all three clouds.
    pub sql_scope: &'static str,
    /// Microsoft Graph, without a trailing slash.
    pub graph: &'static str,
    /// DNS suffixes.
    pub suffixes: Suffixes,
}

/// Every known cloud; the first is the default.
///
/// Resource Manager and authority hosts: Azure/azure-cli `cloud.py`. Scopes: the Resource Manager host itself
/// is an accepted audience (hashicorp/go-azure-sdk `environments` asks for it in all three clouds; az asks
/// for the older `management.core.*` names); not run against the sovereign clouds. Microsoft Graph:
/// Azure/azure-cli `cloud.py`. Audiences of assertions: learn.microsoft.com "Configure an application to trust a
/// managed identity".
pub const CLOUDS: &[Cloud] = &[
    Cloud {
        name: "AzureCloud",
        resource_manager: "https://management.azure.com",
        authority: "https://login.microsoftonline.com",
        scope: "https://management.azure.com/.default",
        assertion_audience: "api://AzureADTokenExchange",
        sql_scope: "https://database.windows.net/.default",
        graph: "https://graph.microsoft.com",
        suffixes: Suffixes {
            key_vault: Suffix::Confirmed(".vault.azure.net"),
            storage: Suffix::Confirmed(".core.windows.net"),
            sql: Suffix::Confirmed(".database.windows.net"),
            acr: Suffix::Confirmed(".azurecr.io"),
            cosmos: Suffix::Confirmed(".documents.azure.com"),
            redis: Suffix::Confirmed(".redis.cache.windows.net"),
            managed_redis: Suffix::Confirmed(".redis.azure.net"),
            container_apps: Suffix::Confirmed(".azurecontainerapps.io"),
        },
    },
    Cloud {
        name: "AzureUSGovernment",
        resource_manager: "https://management.usgovcloudapi.net",
        authority: "https://login.microsoftonline.us",
        scope: "https://management.usgovcloudapi.net/.default",
        assertion_audience: "api://AzureADTokenExchangeUSGov",
        sql_scope: "https://database.usgovcloudapi.net/.default",
        graph: "https://graph.microsoft.us",
        suffixes: Suffixes {
            key_vault: Suffix::Confirmed(".vault.usgovcloudapi.net"),
            storage: Suffix::Confirmed(".core.usgovcloudapi.net"),
            sql: Suffix::Confirmed(".database.usgovcloudapi.net"),
            acr: Suffix::Confirmed(".azurecr.us"),
            cosmos: Suffix::Confirmed(".documents.azure.us"),
            redis: Suffix::Confirmed(".redis.cache.usgovcloudapi.net"),
            managed_redis: Suffix::Assumed(".redis.usgovcloudapi.net"),
            container_apps: Suffix::Confirmed(".azurecontainerapps.us"),
        },
    },
    Cloud {
        name: "AzureChinaCloud",
        resource_manager: "https://management.chinacloudapi.cn",
        // `login.partner.microsoftonline.cn` is in use too, and its tokens are known as Entra ID's; not confirmed
        // which one will stay. The SDKs of Microsoft ask this one.
        authority: "https://login.chinacloudapi.cn",
        scope: "https://management.chinacloudapi.cn/.default",
        assertion_audience: "api://AzureADTokenExchangeChina",
        sql_scope: "https://database.chinacloudapi.cn/.default",
        graph: "https://microsoftgraph.chinacloudapi.cn",
        suffixes: Suffixes {
            key_vault: Suffix::Confirmed(".vault.azure.cn"),
            storage: Suffix::Confirmed(".core.chinacloudapi.cn"),
            sql: Suffix::Confirmed(".database.chinacloudapi.cn"),
            acr: Suffix::Confirmed(".azurecr.cn"),
            cosmos: Suffix::Assumed(".documents.azure.cn"),
            redis: Suffix::Confirmed(".redis.cache.chinacloudapi.cn"),
            managed_redis: Suffix::Assumed(".redis.chinacloudapi.cn"),
            container_apps: Suffix::Assumed(".azurecontainerapps.cn"),
        },
    },
];

impl Cloud {
    /// The cloud called `name`, without regard to case.
    pub fn named(name: &str) -> Option<&'static Cloud> {
        CLOUDS.iter().find(|cloud| cloud.name.eq_ignore_ascii_case(name))
    }

    /// The public cloud.
    pub fn public() -> &'static Cloud {
        const PUBLIC: &Cloud = &CLOUDS[0];
        PUBLIC
    }

    /// The names of all clouds, for messages.
    pub fn names() -> String {
        CLOUDS.iter().map(|cloud| cloud.name).collect::<Vec<_>>().join(", ")
    }
}

/// Hosts that stand in the `iss` claim of tokens issued by Microsoft Entra ID, in any cloud. Version 1
/// tokens name `sts.windows.net` (or `sts.chinacloudapi.cn`), version 2 tokens the authority host; the aliases
/// of each are those that Microsoft's authentication libraries treat as one authority. External ID (`ciamlogin.com`)
/// and B2C (`b2clogin.com`) issue them from a host below their own. Germany's cloud is closed, its tokens are not
/// worth less.
pub(crate) const ENTRA_ISSUER_HOSTS: &[&str] = &[
    "sts.windows.net",
    "sts.chinacloudapi.cn",
    "sts.microsoftonline.us",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login-us.microsoftonline.com",
    "login.usgovcloudapi.net",
    "login.microsoft.com",
    "login.windows.net",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
    "login.microsoftonline.de",
    "ciamlogin.com",
    "b2clogin.com",
];

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    /// What the sources say, written down a second time: a slip in the table above shows here.
    #[test]
    fn every_cloud_has_its_own_of_everything() {
        let table = CLOUDS.iter().map(|cloud| {
            let suffixes: Vec<_> = cloud.suffixes.all().iter().map(|(_, suffix)| suffix.likely()).collect();
            format!(
                "{} {} {} {} {} {} {}",
                cloud.name,
                cloud.resource_manager,
                cloud.authority,
                cloud.scope,
                cloud.assertion_audience,
                cloud.graph,
                suffixes.join(" ")
            )
        });
        let expected = [
            "AzureCloud https://management.azure.com https://login.microsoftonline.com \
             https://management.azure.com/.default api://AzureADTokenExchange https://graph.microsoft.com \
             .vault.azure.net .core.windows.net .database.windows.net .azurecr.io .documents.azure.com \
             .redis.cache.windows.net .redis.azure.net .azurecontainerapps.io",
            "AzureUSGovernment https://management.usgovcloudapi.net https://login.microsoftonline.us \
             https://management.usgovcloudapi.net/.default api://AzureADTokenExchangeUSGov \
             https://graph.microsoft.us .vault.usgovcloudapi.net .core.usgovcloudapi.net \
             .database.usgovcloudapi.net .azurecr.us .documents.azure.us .redis.cache.usgovcloudapi.net \
             .redis.usgovcloudapi.net .azurecontainerapps.us",
            "AzureChinaCloud https://management.chinacloudapi.cn https://login.chinacloudapi.cn \
             https://management.chinacloudapi.cn/.default api://AzureADTokenExchangeChina \
             https://microsoftgraph.chinacloudapi.cn .vault.azure.cn .core.chinacloudapi.cn \
             .database.chinacloudapi.cn .azurecr.cn .documents.azure.cn .redis.cache.chinacloudapi.cn \
             .redis.chinacloudapi.cn .azurecontainerapps.cn",
        ];
        assert_eq!(table.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn nothing_is_built_from_what_is_not_confirmed() {
        let assumed = CLOUDS.iter().flat_map(|cloud| {
            let all = cloud.suffixes.all().into_iter();
            all.filter(|(_, suffix)| suffix.confirmed().is_none()).map(|(name, _)| (cloud.name, name))
        });
        assert_eq!(
            assumed.collect::<Vec<_>>(),
            [
                ("AzureUSGovernment", "managed_redis"),
                ("AzureChinaCloud", "cosmos"),
                ("AzureChinaCloud", "managed_redis"),
                ("AzureChinaCloud", "container_apps"),
            ]
        );
        for cloud in CLOUDS {
            let confirmed = cloud.suffixes.confirmed();
            assert!(confirmed.iter().all(|(_, suffix)| suffix.starts_with('.') && !suffix.ends_with('.')));
            for (name, suffix) in cloud.suffixes.all() {
                assert_eq!(confirmed.iter().any(|(known, _)| known == name), suffix.confirmed().is_some());
            }
        }
    }

    #[test]
    fn every_address_is_https_and_ends_where_a_path_begins() {
        for cloud in CLOUDS {
            for address in [cloud.resource_manager, cloud.authority, cloud.graph] {
                let url = Url::parse(address).unwrap();
                assert_eq!((url.scheme(), url.path()), ("https", "/"), "{address}");
                assert!(!address.ends_with('/'), "{address}");
            }
            assert_eq!(cloud.scope, format!("{}/.default", cloud.resource_manager));
            // Azure SQL's scope is its suffix without the dot.
            let sql = cloud.suffixes.sql.confirmed().unwrap().trim_start_matches('.');
            assert_eq!(cloud.sql_scope, format!("https://{sql}/.default"));
            let authority = Url::parse(cloud.authority).unwrap();
            assert!(ENTRA_ISSUER_HOSTS.contains(&authority.host_str().unwrap()), "{}", cloud.name);
        }
    }
}
