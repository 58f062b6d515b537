//! What az has selected: cloud, subscription, tenant and user, read from its files.
//!
//! Azure/azure-cli `_profile.py` keeps subscriptions in `azureProfile.json` (written with a byte order mark) and
//! marks one a cloud `isDefault`; `cloud.py` keeps the active cloud in `config`, section `cloud`, and the last
//! subscription of each cloud in `clouds.config`. Any setting of `config` can come from `AZURE_<SECTION>_<NAME>`
//! (learn.microsoft.com/cli/azure/azure-cli-configuration).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::credentials::Env;
use super::errors::PROFILE;
use crate::diagnostic::Diagnostic;
use crate::value::strip_control;

/// The largest file read, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What az has selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzProfile {
    /// The cloud's name as az knows it; also one that our table does not have.
    pub cloud: String,
    /// The selected subscription of that cloud, when somebody is signed in.
    pub subscription: Option<AzSubscription>,
}

/// The selected subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzSubscription {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The tenant it belongs to.
    pub tenant: String,
    /// Who is signed in: a sign-in name or an application's id.
    pub user: Option<String>,
}

/// A file of az that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("az's file {} cannot be read: {reason}", .path.display())]
pub struct AzProfileError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl AzProfileError {
    /// The finding.
    pub fn to_diagnostic(&self) -> Diagnostic {
        Diagnostic::error(PROFILE, self.to_string()).fix("az account clear && az login")
    }
}

/// The cloud az works with when nothing selects one.
const DEFAULT_CLOUD: &str = "AzureCloud";

#[derive(Default, Deserialize)]
struct ProfileFile {
    #[serde(default)]
    subscriptions: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    tenant_id: String,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    environment_name: Option<String>,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    name: Option<String>,
}

impl AzProfile {
    /// Reads the files in `AZURE_CONFIG_DIR`, by default `~/.azure`. `None`: az was never used here.
    pub fn read(env: &dyn Env) -> Result<Option<AzProfile>, AzProfileError> {
        let folder = match env.var("AZURE_CONFIG_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => match env.var("HOME").or_else(|| env.var("USERPROFILE")) {
                Some(home) => Path::new(&home).join(".azure"),
                None => return Ok(None),
            },
        };
        let (profile, config) = (folder.join("azureProfile.json"), folder.join("config"));
        let (subscriptions, settings) = (text(&profile)?, text(&config)?);
        if subscriptions.is_none() && settings.is_none() {
            return Ok(None);
        }
        let cloud = env
            .var("AZURE_CLOUD_NAME")
            .or_else(|| settings.as_deref().and_then(|settings| ini(settings, "cloud", "name")))
            .unwrap_or_else(|| DEFAULT_CLOUD.to_owned());
        let file = match &subscriptions {
            None => ProfileFile::default(),
            Some(text) => profile_of(text).map_err(|reason| AzProfileError { path: profile, reason })?,
        };
        let mut of_cloud: Vec<Entry> = file
            .subscriptions
            .into_iter()
            .filter(|entry| {
                entry.environment_name.as_deref().unwrap_or(DEFAULT_CLOUD).eq_ignore_ascii_case(&cloud)
            })
            .collect();
        let last =
            text(&folder.join("clouds.config"))?.and_then(|clouds| ini(&clouds, &cloud, "subscription"));
        let index = of_cloud
            .iter()
            .position(|entry| entry.is_default)
            .or_else(|| of_cloud.iter().position(|entry| Some(&entry.id) == last.as_ref()));
        let subscription = index.map(|index| of_cloud.swap_remove(index)).map(|entry| AzSubscription {
            id: strip_control(&entry.id),
            name: strip_control(&entry.name),
            tenant: strip_control(&entry.tenant_id),
            user: entry.user.and_then(|user| user.name).map(|name| strip_control(&name)),
        });
        Ok(Some(AzProfile { cloud: strip_control(&cloud), subscription }))
    }
}

/// The profile in a text. The reason says where it is wrong, never what stands there.
fn profile_of(text: &str) -> Result<ProfileFile, String> {
    // serde takes an array for a struct, too.
    if !text.trim_start().starts_with('{') {
        return Err("it is no JSON object".to_owned());
    }
    serde_json::from_str(text)
        .map_err(|error| format!("no profile of az at line {}, column {}", error.line(), error.column()))
}

/// A file's text without its byte order mark; `None` when there is no such file.
fn text(path: &Path) -> Result<Option<String>, AzProfileError> {
    let damaged = |reason: String| AzProfileError { path: path.to_owned(), reason };
    let size = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(damaged(error.to_string())),
    };
    if size > LARGEST {
        return Err(damaged("it is too large".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|error| damaged(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8".to_owned()))?;
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// A value of an INI file as Python's configparser reads it: section names as written, keys without regard to
/// case, `=` or `:`.
fn ini(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            inside = name.0 == section;
        } else if inside
            && let Some((name, value)) = line.split_once(['=', ':'])
            && name.trim().eq_ignore_ascii_case(key)
        {
            found = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const PROFILE: &str = "\u{feff}{\"installationId\":\"x\",\"subscriptions\":[\
        {\"id\":\"s-1\",\"name\":\"Public\",\"tenantId\":\"t-1\",\"isDefault\":true,\"environmentName\":\"AzureCloud\",\
         \"user\":{\"name\":\"ada@contoso.com\",\"type\":\"user\"}},\
        {\"id\":\"s-2\",\"name\":\"Gov\",\"tenantId\":\"t-2\",\"isDefault\":true,\"environmentName\":\"AzureUSGovernment\",\"user\":null},\
        {\"id\":\"s-3\",\"name\":\"China\",\"tenantId\":\"t-3\",\"isDefault\":false,\"environmentName\":\"AzureChinaCloud\"}]}";

    fn read(files: &[(&str, &str)], cloud: Option<&str>) -> Result<Option<AzProfile>, AzProfileError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let mut env = BTreeMap::from([("AZURE_CONFIG_DIR".to_owned(), folder.path().display().to_string())]);
        env.extend(cloud.map(|cloud| ("AZURE_CLOUD_NAME".to_owned(), cloud.to_owned())));
        AzProfile::read(&env)
    }

    fn selected(files: &[(&str, &str)], cloud: Option<&str>) -> (String, Option<String>) {
        let profile = read(files, cloud).unwrap().unwrap();
        (profile.cloud, profile.subscription.map(|subscription| subscription.id))
    }

    #[test]
    fn the_selection_of_the_active_cloud_counts() {
        let profile = ("azureProfile.json", PROFILE);
        let government = ("config", "[core]\nname = x\n[cloud]\n# old\nName = AzureUSGovernment\n");
        assert_eq!(selected(&[profile], None), ("AzureCloud".to_owned(), Some("s-1".to_owned())));
        assert_eq!(
            selected(&[profile, government], None),
            ("AzureUSGovernment".to_owned(), Some("s-2".to_owned()))
        );
        assert_eq!(selected(&[profile, government], Some("AzureCloud")).1, Some("s-1".to_owned()));
        // No default in this cloud: the one az last used there.
        let clouds =
            ("clouds.config", "[AzureCloud]\nsubscription = s-1\n[AzureChinaCloud]\nsubscription = s-3\n");
        assert_eq!(selected(&[profile, clouds], Some("AzureChinaCloud")).1, Some("s-3".to_owned()));
        assert_eq!(selected(&[profile], Some("AzureChinaCloud")).1, None);
        assert_eq!(selected(&[government], None), ("AzureUSGovernment".to_owned(), None));
        assert_eq!(read(&[], None), Ok(None));

        let public = read(&[profile], None).unwrap().unwrap().subscription.unwrap();
        assert_eq!((public.tenant.as_str(), public.user.as_deref()), ("t-1", Some("ada@contoso.com")));
    }

    #[test]
    fn a_damaged_file_is_named_and_not_quoted() {
        for text in
            ["", "{", "[]", "{\"subscriptions\":[{\"id\":5,\"secret\":\"hunter2\"}]}", "\u{feff}\u{feff}{}"]
        {
            let error = read(&[("azureProfile.json", text)], None).unwrap_err();
            assert!(error.path.ends_with("azureProfile.json"));
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(error.to_diagnostic().fix.is_some());
        }
    }
}
