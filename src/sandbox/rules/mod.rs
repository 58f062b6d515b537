//! Every behaviour of Azure that the sandbox plays, with its source; every one that is only
//! assumed has a switch for the opposite, so that nothing relies on a guess.

mod app;
mod arm;
mod auth;
mod cosmos;
mod dapr;
mod dns;
mod domains;
mod hosts;
mod jobs;
mod redis;
mod registry;
mod sql;
mod storage;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// One behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, and for an assumed one the name of its switch.
    pub id: &'static str,
    /// The behaviour in one line.
    pub fact: &'static str,
    /// Where that is said.
    pub source: &'static str,
    /// How sure it is.
    pub standing: Standing,
}

/// How sure a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The source says so.
    Confirmed,
    /// Taken for granted; the opposite can be switched on.
    Assumed {
        /// What tells this rule in the code.
        switch: Switch,
        /// What the sandbox does instead when it is flipped.
        flipped: &'static str,
    },
}

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// An assumption in the code. Not flipped: the rule's fact holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Switch { $($(#[$doc])* $name),+ }

        impl Switch {
            /// Every one.
            pub const ALL: &[Switch] = &[$(Switch::$name),+];
        }
    };
}

switches! {
    /// `patch-location-only`
    PatchLocationOnly,
    /// `patch-answer-empty`
    PatchAnswerEmpty,
    /// `patch-unchanged-accepted`
    PatchUnchangedAccepted,
    /// `revision-listed-at-once`
    RevisionListedAtOnce,
    /// `failed-pull-no-revision`
    FailedPullNoRevision,
    /// `refused-identity-expires`
    RefusedIdentityExpires,
    /// `refused-pull-is-final`
    RefusedPullIsFinal,
    /// `expired-says-why`
    ExpiredSaysWhy,
    /// `unknown-repository-is-manifest`
    UnknownRepositoryIsManifest,
    /// `registry-firewall-stops-apps`
    RegistryFirewallStopsApps,
    /// `private-endpoint-suffices`
    PrivateEndpointSuffices,
    /// `exchange-needs-right`
    ExchangeNeedsRight,
    /// `token-needs-right`
    TokenNeedsRight,
    /// `index-needs-accept`
    IndexNeedsAccept,
    /// `images-named-at-end`
    ImagesNamedAtEnd,
    /// `rebuilt-is-another`
    RebuiltIsAnother,
    /// `full-is-bad-request`
    FullIsBadRequest,
    /// `closed-registry-stops-tasks`
    ClosedRegistryStopsTasks,
    /// `username-beside-identity-kept`
    UsernameBesideIdentityKept,
    /// `credentials-frozen`
    CredentialsFrozen,
    /// `registry-update-at-once`
    RegistryUpdateAtOnce,
    /// `registry-unknown-refused`
    RegistryUnknownRefused,
    /// `cosmos-names-have-case`
    CosmosNamesHaveCase,
    /// `cosmos-assignment-queued`
    CosmosAssignmentQueued,
    /// `cosmos-scope-unchecked`
    CosmosScopeUnchecked,
    /// `cosmos-duplicate-refused`
    CosmosDuplicateRefused,
    /// `sql-unknown-database-told`
    SqlUnknownDatabaseTold,
    /// `sql-batch-goes-on`
    SqlBatchGoesOn,
    /// `sql-empty-hex-converts`
    SqlEmptyHexConverts,
    /// `keys-listed-when-off`
    KeysListedWhenOff,
    /// `kind-says-feature`
    KindSaysFeature,
    /// `nfs-share-though-secure`
    NfsShareThoughSecure,
    /// `storage-put-is-200`
    StoragePutIs200,
    /// `storage-key-required`
    StorageKeyRequired,
    /// `storage-reference-fetched`
    StorageReferenceFetched,
    /// `unused-storage-replaced`
    UnusedStorageReplaced,
    /// `key-update-misses-others`
    KeyUpdateMissesOthers,
    /// `storage-type-checked`
    StorageTypeChecked,
    /// `duplicate-mount-refused`
    DuplicateMountRefused,
    /// `mount-hangs-revision-only`
    MountHangsRevisionOnly,
    /// `mount-reason-hidden`
    MountReasonHidden,
    /// `crash-is-provisioned`
    CrashIsProvisioned,
    /// `details-on-replicas-only`
    DetailsOnReplicasOnly,
    /// `dapr-app-scope`
    DaprAppScope,
    /// `dapr-secrets-told`
    DaprSecretsTold,
    /// `dapr-put-is-whole`
    DaprPutIsWhole,
    /// `dapr-secrets-complete`
    DaprSecretsComplete,
    /// `dapr-secret-ref-checked`
    DaprSecretRefChecked,
    /// `dapr-store-or-secrets`
    DaprStoreOrSecrets,
    /// `dapr-store-unchecked`
    DaprStoreUnchecked,
    /// `dapr-names-checked`
    DaprNamesChecked,
    /// `dapr-loaded-at-start`
    DaprLoadedAtStart,
    /// `dapr-reason-hidden`
    DaprReasonHidden,
    /// `dapr-waits-for-port`
    DaprWaitsForPort,
    /// `dapr-sidecar-listed`
    DaprSidecarListed,
    /// `latest-weight-waits`
    LatestWeightWaits,
    /// `label-twice-refused`
    LabelTwiceRefused,
    /// `label-name-checked`
    LabelNameChecked,
    /// `busy-revision-deactivated`
    BusyRevisionDeactivated,
    /// `zero-replicas-running`
    ZeroReplicasRunning,
    /// `write-keeps-stopped`
    WriteKeepsStopped,
    /// `used-suffix-refused`
    UsedSuffixRefused,
    /// `suffix-removal-no-revision`
    SuffixRemovalNoRevision,
    /// `resent-template-runs`
    ResentTemplateRuns,
    /// `edge-says-404`
    EdgeSays404,
    /// `label-at-once`
    LabelAtOnce,
    /// `internal-name-unresolved`
    InternalNameUnresolved,
    /// `edge-answers-for-crash`
    EdgeAnswersForCrash,
    /// `client-certificate-refused-by-alert`
    ClientCertificateRefusedByAlert,
    /// `client-certificate-required-everywhere`
    ClientCertificateRequiredEverywhere,
    /// `empty-auth-lists-left-out`
    EmptyAuthListsLeftOut,
    /// `login-page-needs-provider`
    LoginPageNeedsProvider,
    /// `other-auth-name-kept`
    OtherAuthNameKept,
    /// `login-by-own-host`
    LoginByOwnHost,
    /// `excluded-path-exact`
    ExcludedPathExact,
    /// `login-needs-secret`
    LoginNeedsSecret,
    /// `job-start-accepted`
    JobStartAccepted,
    /// `job-start-location-only`
    JobStartLocationOnly,
    /// `job-image-unchecked`
    JobImageUnchecked,
    /// `job-pull-tried-on`
    JobPullTriedOn,
    /// `job-timeout-is-final`
    JobTimeoutIsFinal,
    /// `job-trigger-changeable`
    TriggerChangeable,
    /// `job-other-trigger-refused`
    OtherTriggerRefused,
    /// `receiver-may-scale`
    ReceiverMayScale,
    /// `alias-excludes-records`
    AliasExcludesRecords,
    /// `cname-checked-at-once`
    CnameCheckedAtOnce,
    /// `order-stays-pending`
    OrderStaysPending,
    /// `validation-follows-redirect`
    ValidationFollowsRedirect,
    /// `subject-without-cn`
    SubjectWithoutCn,
    /// `certificate-must-cover`
    CertificateMustCover,
    /// `sni-needs-certificate`
    SniNeedsCertificate,
    /// `chain-order-checked`
    ChainOrderChecked,
    /// `certificate-replaced`
    CertificateReplaced,
    /// `identity-type-is-whole`
    IdentityTypeIsWhole,
    /// `identity-map-merges`
    IdentityMapMerges,
    /// `linked-right-when-new`
    LinkedRightWhenNew,
    /// `join-when-named`
    JoinWhenNamed,
    /// `reference-refused-at-once`
    ReferenceRefusedAtOnce,
    /// `reference-cause-hidden`
    ReferenceCauseHidden,
    /// `references-fetched-again`
    ReferencesFetchedAgain,
    /// `value-makes-copy`
    ValueMakesCopy,
    /// `inactive-frees-secret`
    InactiveFreesSecret,
    /// `firewall-stops-apps`
    FirewallStopsApps,
    /// `principal-type-suffices`
    PrincipalTypeSuffices,
    /// `operation-url-open`
    OperationUrlOpen,
    /// `failed-location-is-error`
    FailedLocationIsError,
    /// `ids-as-written`
    IdsAsWritten,
    /// `unset-left-out`
    UnsetLeftOut,
    /// `request-buckets`
    RequestBuckets,
    /// `permissions-need-read`
    PermissionsNeedRead,
    /// `subscription-seen-from-below`
    SubscriptionSeenFromBelow,
    /// `hyphens-refused`
    HyphensRefused,
    /// `managed-name-keeps-object`
    ManagedNameKeepsObject,
    /// `policy-changes-in-place`
    PolicyChangesInPlace,
    /// `entra-off-refused`
    EntraOffRefused,
    /// `unknown-policy-refused`
    UnknownPolicyRefused,
    /// `failed-assignment-gone`
    FailedAssignmentGone,
}

impl Switch {
    /// The rule's id, which is the switch's name.
    pub fn name(self) -> &'static str {
        rules()
            .find(|rule| matches!(rule.standing, Standing::Assumed { switch, .. } if switch == self))
            .map_or("", |rule| rule.id)
    }
}

/// Which assumptions are turned round. Default: none.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    flipped: BTreeSet<Switch>,
    /// Which were asked about, by this one or a clone of it.
    asked: Arc<Mutex<BTreeSet<Switch>>>,
}

/// Two settings are equal when the same assumptions are turned round.
impl PartialEq for Switches {
    fn eq(&self, other: &Switches) -> bool {
        self.flipped == other.flipped
    }
}

impl Eq for Switches {}

/// There is no switch of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox has no switch `{name}`; the assumed rules are: {}", known())]
pub struct UnknownSwitch {
    /// What was asked for.
    pub name: String,
}

fn known() -> String {
    let names: Vec<&str> = Switch::ALL.iter().map(|switch| switch.name()).collect();
    names.join(", ")
}

impl Switches {
    /// Only the switch `name` flipped.
    pub fn flip(name: &str) -> Result<Switches, UnknownSwitch> {
        Switches::default().and_flip(name)
    }

    /// The same with the switch `name` flipped too.
    pub fn and_flip(mut self, name: &str) -> Result<Switches, UnknownSwitch> {
        let switch = Switch::ALL
            .iter()
            .find(|switch| switch.name() == name)
            .ok_or_else(|| UnknownSwitch { name: name.to_owned() })?;
        self.flipped.insert(*switch);
        Ok(self)
    }

    /// One setting per switch with just that one flipped, by name.
    pub fn all_flips() -> Vec<(&'static str, Switches)> {
        let only = |switch: Switch| Switches { flipped: BTreeSet::from([switch]), ..Switches::default() };
        Switch::ALL.iter().map(|switch| (switch.name(), only(*switch))).collect()
    }

    /// One setting per switch that somebody has asked about, with just that one flipped, by name. What
    /// happens in a sandbox is the same under an assumption that nobody asks about, whichever way it stands.
    pub fn met(&self) -> Vec<(&'static str, Switches)> {
        let asked = self.asked();
        Switches::all_flips().into_iter().filter(|(name, _)| asked.contains(name)).collect()
    }

    /// Whether the rule behind `switch` holds as its fact says.
    pub fn holds(&self, switch: Switch) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(switch);
        !self.flipped.contains(&switch)
    }

    /// The names of those that somebody has asked about.
    pub fn asked(&self) -> BTreeSet<&'static str> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|switch| switch.name()).collect()
    }

    /// The names of the flipped ones.
    pub fn names(&self) -> Vec<&'static str> {
        self.flipped.iter().map(|switch| switch.name()).collect()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standing {
            Standing::Confirmed => write!(f, "{}: {} [{}]", self.id, self.fact, self.source),
            Standing::Assumed { flipped, .. } => {
                write!(f, "{}: {} (assumed; flipped: {flipped}) [{}]", self.id, self.fact, self.source)
            }
        }
    }
}

const fn confirmed(id: &'static str, fact: &'static str, source: &'static str) -> Rule {
    Rule { id, fact, source, standing: Standing::Confirmed }
}

const fn assumed(
    id: &'static str,
    switch: Switch,
    fact: &'static str,
    flipped: &'static str,
    source: &'static str,
) -> Rule {
    Rule { id, fact, source, standing: Standing::Assumed { switch, flipped } }
}

/// One table a provider, in the order in which they are shown.
const TABLES: &[&[Rule]] = &[
    app::RULES,
    hosts::RULES,
    auth::RULES,
    jobs::RULES,
    domains::RULES,
    registry::RULES,
    storage::RULES,
    sql::RULES,
    cosmos::RULES,
    redis::RULES,
    dapr::RULES,
    dns::RULES,
    arm::RULES,
];

/// Every rule.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_belongs_to_one_rule() {
        for switch in Switch::ALL {
            let rules = rules()
                .filter(
                    |rule| matches!(rule.standing, Standing::Assumed { switch: own, .. } if own == *switch),
                )
                .count();
            assert_eq!(rules, 1, "{switch:?}");
        }
        let mut ids: Vec<_> = rules().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rules().count(), "rule ids are unique");
        assert!(rules().all(|rule| !rule.source.is_empty()));
    }

    #[test]
    fn an_unknown_switch_is_told_which_there_are() {
        let error = Switches::flip("patch-body").unwrap_err().to_string();
        assert!(error.contains("`patch-body`") && error.contains("patch-answer-empty"), "{error}");
    }
}
