//! The clouds: endpoints, authorities, scopes and DNS suffixes.

/// DNS suffixes of data planes and apps, each with a leading dot. `None`: not confirmed for this cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suffixes {
    /// Key Vault (`<vault>.vault.azure.net`). Azure/azure-cli `cloud.py`; Key Vault's
    /// `about-keys-secrets-certificates` page.
    pub key_vault: &'static str,
    /// What follows `<account>.blob` and `<account>.file`. Azure/azure-cli `cloud.py`.
    pub storage: &'static str,
    /// Azure SQL servers. Azure/azure-cli `cloud.py`.
    pub sql: &'static str,
    /// Container registries. Azure/azure-cli `cloud.py`.
    pub acr: &'static str,
    /// Cosmos DB accounts. Azure Government's endpoint table; the one of China is not confirmed.
    pub cosmos: Option<&'static str>,
    /// Azure Cache for Redis.
    pub redis: &'static str,
    /// The default domain of container apps. Several public deployments; the one of China is not confirmed.
    pub container_apps: Option<&'static str>,
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
    /// DNS suffixes.
    pub suffixes: Suffixes,
}

/// Every known cloud; the first is the default.
///
/// Resource Manager and authority hosts: Azure/azure-cli `cloud.py`. Scopes: the Resource Manager host itself
/// is an accepted audience (hashicorp/go-azure-sdk `environments` asks for it in all three clouds; az asks
/// for the older `management.core.*` names); not run against the sovereign clouds. Audiences of assertions:
/// learn.microsoft.com "Configure an application to trust a managed identity".
pub const CLOUDS: &[Cloud] = &[
    Cloud {
        name: "AzureCloud",
        resource_manager: "https://management.azure.com",
        authority: "https://login.microsoftonline.com",
        scope: "https://management.azure.com/.default",
        assertion_audience: "api://AzureADTokenExchange",
        suffixes: Suffixes {
            key_vault: ".vault.azure.net",
            storage: ".core.windows.net",
            sql: ".database.windows.net",
            acr: ".azurecr.io",
            cosmos: Some(".documents.azure.com"),
            redis: ".redis.cache.windows.net",
            container_apps: Some(".azurecontainerapps.io"),
        },
    },
    Cloud {
        name: "AzureUSGovernment",
        resource_manager: "https://management.usgovcloudapi.net",
        authority: "https://login.microsoftonline.us",
        scope: "https://management.usgovcloudapi.net/.default",
        assertion_audience: "api://AzureADTokenExchangeUSGov",
        suffixes: Suffixes {
            key_vault: ".vault.usgovcloudapi.net",
            storage: ".core.usgovcloudapi.net",
            sql: ".database.usgovcloudapi.net",
            acr: ".azurecr.us",
            cosmos: Some(".documents.azure.us"),
            redis: ".redis.cache.usgovcloudapi.net",
            container_apps: Some(".azurecontainerapps.us"),
        },
    },
    Cloud {
        name: "AzureChinaCloud",
        resource_manager: "https://management.chinacloudapi.cn",
        // `login.partner.microsoftonline.cn` is in use too; not confirmed which one will stay.
        authority: "https://login.chinacloudapi.cn",
        scope: "https://management.chinacloudapi.cn/.default",
        assertion_audience: "api://AzureADTokenExchangeChina",
        suffixes: Suffixes {
            key_vault: ".vault.azure.cn",
            storage: ".core.chinacloudapi.cn",
            sql: ".database.chinacloudapi.cn",
            acr: ".azurecr.cn",
            cosmos: None,
            redis: ".redis.cache.chinacloudapi.cn",
            container_apps: None,
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
/// tokens name `sts.windows.net` (or `sts.chinacloudapi.cn`), version 2 tokens the authority host.
pub(crate) const ENTRA_ISSUER_HOSTS: &[&str] = &[
    "sts.windows.net",
    "sts.chinacloudapi.cn",
    "sts.microsoftonline.us",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.microsoft.com",
    "login.windows.net",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
];

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    #[test]
    fn every_address_is_https_and_ends_where_a_path_begins() {
        for cloud in CLOUDS {
            for address in [cloud.resource_manager, cloud.authority] {
                let url = Url::parse(address).unwrap();
                assert_eq!((url.scheme(), url.path()), ("https", "/"), "{address}");
                assert!(!address.ends_with('/'), "{address}");
            }
            assert_eq!(cloud.scope, format!("{}/.default", cloud.resource_manager));
            let authority = Url::parse(cloud.authority).unwrap();
            assert!(ENTRA_ISSUER_HOSTS.contains(&authority.host_str().unwrap()), "{}", cloud.name);
        }
    }
}
