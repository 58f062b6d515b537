//! What people read, one text per command. The words that decide are asserted beside each.

use super::place::{Outcome, Place};

fn says(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(outcome.stdout.contains(word), "no `{word}` in:\n{}", outcome.stdout);
    }
}

/// What goes to stderr, under a heading: its lines are indented, which a snapshot would not keep.
fn on_stderr(outcome: &Outcome) -> String {
    format!("stderr:\n{}", outcome.scrubbed_stderr().trim_start_matches('\n'))
}

#[test]
fn help() {
    let outcome = Place::new().line("--help").code(0);
    says(&outcome, &["Examples:", "Exit codes:", "--sandbox"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r"
    Integration recipes for Azure Container Apps: checked, planned, applied, waited for, verified.

    Each recipe is one integration page made one command. A run changes only what its recipes declare,
    applies again with no write, waits until the app is really healthy, and says what failed and why.

    Try it with nothing but this program: every command takes --sandbox, an Azure inside the process.

    Usage: acarecipe [OPTIONS] <COMMAND>

    Commands:
      list      List the recipes
      show      Show one recipe in full: inputs, prerequisites, steps, rights, outputs
      graph     Draw the dependency map of the catalogue; --live: what of it is in place on an app
      scaffold  Write the sample app of a recipe (Python, with Dockerfile and tests) into a folder
      check     Check the prerequisites of recipes, and whether the caller may do what they plan
      plan      Show what applying recipes would change, property by property, and what follows from it
      apply     Apply recipes: check, plan, confirm, write, wait, verify
      undo      Put back what a run changed: exactly that, and only what nobody changed since
      verify    Verify recipes on the live app; without a recipe: the app's own health
      runs      List the runs in the journal, newest first; show: one of them in full
      lint      Check recipe files and show every mistake with file, line and caret
      test      Run the cases of recipes (tests.yaml) in the sandbox: no Azure, variable or network
      schema    Print the JSON Schema of recipe files (or of project or tests files) for editors
      sandbox   The Azure inside: serve it to other clients, look at it, start anew

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Output:
      -o, --output <FORMAT>
              What results look like

              Possible values:
              - text: For people
              - json: One JSON document
              - tsv:  Tab-separated values, a line for each app or element

          --query <JMESPATH>
              A JMESPath query over the JSON document; prints its result as JSON

      -v, --verbose...
              Show every request on stderr; twice: what this program does, too

      -q, --quiet
              Print results and errors only

          --color <WHEN>
              When to colour (NO_COLOR is honoured)

              Possible values:
              - auto:   On a terminal, unless NO_COLOR or TERM=dumb is set
              - always: Always
              - never:  Never
              
              [default: auto]

          --no-input
              Never ask

    Examples:
      acarecipe apply managed-identity --sandbox
      acarecipe apply managed-identity --plan identity.plan.json
      acarecipe plan managed-identity -g my-group -n my-app
      acarecipe apply managed-identity --yes -o json
      acarecipe verify

    Exit codes: 0 ok, 1 failed, 2 usage or recipe error, 3 prerequisites or inputs missing,
    4 verification failed, 5 changes found (plan --exit-code), 6 rolled back, 130/143 interrupted
    ");
    let outcome = Place::new().line("apply -h").code(0);
    says(&outcome, &["Examples:", "--yes", "--resource-group"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r#"
    Apply recipes: check, plan, confirm, write, wait, verify

    Usage: acarecipe apply [OPTIONS] [RECIPE]...

    Arguments:
      [RECIPE]...  RECIPE or RECIPE=ALIAS (acarecipe list); without one those of the project file

    Options:
      -p, --param <NAME=VALUE>    An input: [recipe.]name[.key]=value; a list or map as JSON or key by
                                  key; @FILE, @- and @env:NAME read it
          --recipes <DIR>         A folder of further recipes (each in a folder with recipe.yaml)
          --allow-override        Let a recipe of --recipes take the place of a built-in one
          --timeout <DURATION>    When waiting ends, such as 90s or 20m; for each of several apps from
                                  its own beginning [default: 20m]
          --role-wait <DURATION>  How old a role assignment must be before a write relies on it
                                  [default: as the recipe says, 2m]
      -y, --yes                   Do not ask
          --strict                Fail also what was not exercised or could not be checked
          --retry                 Try a change again that was rolled out before and taken back, under a
                                  new name
          --on-failure <WHAT>     What a run that failed does with what it wrote [default: ask where it
                                  asks before it writes, else keep] [possible values: rollback, keep,
                                  ask]
          --plan <FILE>           Do not ask, and go on only if what would be changed is what this file
                                  approves (plan --out)
      -h, --help                  Print help (see more with '--help')
      -V, --version               Print version

    Target:
      -g, --resource-group <NAME>  Resource group [$RG]
      -n, --name <NAME>            Container app [$APP_NAME]; given several times: each of them
          --all-apps               Every app of the resource group; of the subscription, when no group
                                   is given
          --container <NAME>       Container of the app (of each, where there are several apps); needed
                                   when it has several
          --environment <NAME>     Container Apps environment [$ENVIRONMENT_NAME; default: the app's]
          --location <REGION>      Region for new resources [$LOCATION; default: the app's]
          --subscription <ID>      Subscription [$AZURE_SUBSCRIPTION_ID; default: the one az has
                                   selected]
          --cloud <NAME>           AzureCloud, AzureUSGovernment or AzureChinaCloud [default: the one az
                                   has selected]
          --arm-endpoint <URL>     Another endpoint than the cloud's [$ACARECIPE_ARM_ENDPOINT]
          --trust-endpoint <HOST>  Let tokens go to this host, which must be the endpoint's

    Sandbox:
          --sandbox                  Use the Azure inside this program: no subscription, network or
                                     credential
          --sandbox-caller <CALLER>  Who calls: owner, contributor, group-scoped, app-scoped or reader
                                     [default: owner]
          --sandbox-state <FILE>     Where the sandbox keeps its state
          --sandbox-flip <RULE>      Turn an assumption about Azure round (acarecipe sandbox rules)
          --sandbox-fault <FAULT>    Let something go wrong, such as "match=PATCH:/containerApps/
                                     status=429 retry-after=2"

    Checks of the app:
          --resolve <HOST:PORT:ADDRESS>  Reach HOST at ADDRESS when a check asks the app, as in curl
                                         (one ADDRESS, IPv6 in brackets, PORT 443; without effect behind
                                         a proxy); ADDRESS may carry a port of its own (127.0.0.1:8443)
          --cacert <FILE>                Trust these certificate authorities (PEM), and no others, when
                                         a check asks the app, as in curl
          --resolver <ADDRESS[:PORT]>    Ask this name server instead of the system's (a literal
                                         address, IPv6 in brackets when it has a port; may be given
                                         several times): private zones, or an authoritative server
                                         before caches expire

    Journal:
          --state-dir <DIR>  The folder of journals and locks [$ACARECIPE_STATE_DIR; default: in the
                             user's state folder; in the sandbox: beside its state]
          --journal <FILE>   Write the journal of the run to this file too, which must not be there yet

    Output:
      -o, --output <FORMAT>   What results look like [possible values: text, json, tsv]
          --query <JMESPATH>  A JMESPath query over the JSON document; prints its result as JSON
      -v, --verbose...        Show every request on stderr; twice: what this program does, too
      -q, --quiet             Print results and errors only
          --color <WHEN>      When to colour (NO_COLOR is honoured) [default: auto] [possible values:
                              auto, always, never]
          --no-input          Never ask

    Examples:
      acarecipe apply managed-identity --sandbox
      acarecipe apply managed-identity --plan identity.plan.json
      acarecipe apply managed-identity -p identity=create --yes
      acarecipe apply managed-identity --yes --on-failure rollback
      acarecipe apply key-vault-reference -p key_vault=my-vault -p secrets.DB_PASSWORD=db-password
      acarecipe apply key-vault-reference=b -p b.key_vault=my-vault -p b.secrets.TOKEN=token
    "#);
}

#[test]
fn list() {
    let outcome = Place::new().line("list").code(0);
    says(&outcome, &["managed-identity", "key-vault-reference"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r"
    RECIPE                    CATEGORY                COMPLEXITY  WHAT IT DOES
    azure-sql                 data & storage          medium      An Azure SQL database, with the app's identity as its user
    bring-your-own-storage    data & storage          medium      A share of Azure Files as a volume of the app
    container-registry        deployment & revisions  low         Images from a private registry, pulled with the app's identity
    cosmos-db                 data & storage          medium      Data in Cosmos DB for NoSQL, reached with the app's identity
    custom-container          container & runtime     medium      An image of your own, looked at, built, run and asked for its health
    custom-domains            integration             medium      A domain of your own, with its certificate
    dapr-integration          integration             high        A Dapr sidecar for the app, with its components
    easy-auth                 security & identity     medium      Sign-in by the platform, before a request reaches the app
    jobs                      container & runtime     medium      Jobs that run to their end, by hand, by schedule or by messages
    key-vault-reference       security & identity     medium      Environment variables from Key Vault secrets
    managed-identity          security & identity     low         Managed identity for an app, with the roles it needs
    mtls-client-certificates  security & identity     medium      Client certificates asked for at the ingress, and an allow-list for the app
    native-dependencies       container & runtime     medium      Python packages with native code, built and tested in the image
    redis                     data & storage          low         Redis with the app's identity, on Azure Managed Redis or Azure Cache for Redis
    revision-validation       deployment & revisions  medium      A new revision proves itself before it gets traffic, and is taken back when it fails
    storage                   data & storage          medium      Blobs by the app's identity, files and scratch space by mounts
    ");
    let some = Place::new().line("list --for velocity").code(0);
    assert!(
        some.stdout.contains("azure-sql") && !some.stdout.contains("managed-identity"),
        "{}",
        some.stdout
    );
}

#[test]
fn show() {
    let outcome = Place::new().line("show managed-identity").code(0);
    says(&outcome, &["Microsoft.App/containerApps/write\n      on the app", "Container Apps Contributor"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r"
    managed-identity: Managed identity for an app, with the roles it needs
    security & identity, low complexity, for security
    access without secrets, by DefaultAzureCredential

    Inputs (-p name=value)
      identity
          `system`, `create`, or names or ids of user-assigned identities. The first is the one for
          AZURE_CLIENT_ID, the outputs and the roles; the others are only assigned.
      roles
          Roles for the identity, each with the resource id it is given for.

    Prerequisites
      named (Microsoft.ManagedIdentity/userAssignedIdentities)
      other (Microsoft.ManagedIdentity/userAssignedIdentities)
      an identity is named
      the scope of each role is a resource id
      AZURE_CLIENT_ID does not name another identity

    Steps
      create (Microsoft.ManagedIdentity/userAssignedIdentities): an identity of its own for ${target.app}
      system (the app): the app's own identity
      user (the app): the identity that DefaultAzureCredential picks
      assign-created (the app): assigned, not the default
      assign-others (the app): assigned, not the default
      grant (role ${each.value.role}): what the identity may do

    Rights, beyond reading (Reader on the resource group and on what inputs name)
      A run needs only those for what it really changes; acarecipe check tells which you lack.
      Microsoft.ManagedIdentity/userAssignedIdentities/write
          on the resource group, when the user-assigned identity id-<app> is made; Managed Identity Contributor; for create
      Microsoft.App/containerApps/write
          on the app; Container Apps Contributor; for system, user, assign-created, assign-others
      Microsoft.ManagedIdentity/userAssignedIdentities/assign/action
          on the user-assigned identity, when `identity.userAssignedIdentities` changes; Managed Identity Operator; for user, assign-created, assign-others
      Microsoft.Authorization/roleAssignments/write
          on the scope of the role, when the role is not there yet; Role Based Access Control Administrator; for grant

    Outputs
      principal_id, client_id, name, identity

    See
      https://learn.microsoft.com/azure/container-apps/managed-identity
      https://learn.microsoft.com/azure/role-based-access-control/role-assignments
    ");
    let outcome = Place::new().line("show key-vault-reference").code(0);
    says(&outcome, &["on the key vault", "listSecrets/action", "those of managed-identity"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r"
    key-vault-reference: Environment variables from Key Vault secrets
    security & identity, medium complexity, for security
    secretref, secrets kept outside the app
    applies with it: managed-identity

    Inputs (-p name=value)
      key_vault (required, $KEY_VAULT_NAME or $KEYVAULT_NAME)
          Name or resource id of a vault in RBAC mode; it may be in another subscription.
      secrets (required)
          Environment variable to vault secret: `name`, or `name/version` to stay on one version. Names
          have letters, digits and hyphens.
      replace
          Overwrite secrets of the app that hold a value of their own under the same name.

    Prerequisites
      vault (Microsoft.KeyVault/vaults)
      the vault uses role assignments
      the vault can be reached
      each secret of the app stands for one secret of the vault
      no secret of the app is overwritten
      no secret of the app is lost
      no reference to another secret is moved

    Steps
      grant (role Key Vault Secrets User): the identity may read the vault's secrets
      reference (the app): ${each.key} comes from the vault

    Rights, beyond reading (Reader on the resource group and on what inputs name)
      A run needs only those for what it really changes; acarecipe check tells which you lack.
      Microsoft.Authorization/roleAssignments/write
          on the key vault, when the role is not there yet; Role Based Access Control Administrator; for grant
      Microsoft.App/containerApps/write
          on the app; Container Apps Contributor; for reference
      Microsoft.App/containerApps/listSecrets/action
          on the app, when there are other secrets with values, which are sent back; Container Apps Contributor; for reference
      Microsoft.App/containerApps/revisions/restart/action
          on the app, when only secrets change: the revisions that use them are restarted; Container Apps Contributor; for reference
      those of managed-identity

    Outputs
      vault_id, vault_uri

    See
      https://learn.microsoft.com/azure/container-apps/manage-secrets
      https://learn.microsoft.com/azure/key-vault/general/rbac-guide
    ");
}

#[test]
fn graph() {
    insta::assert_snapshot!(Place::new().line("graph").code(0).stdout, @r"
    baseline
    ├── custom-container
    ├── dapr-integration
    ├── easy-auth
    ├── jobs
    ├── managed-identity
    │   ├── azure-sql
    │   ├── container-registry
    │   ├── cosmos-db
    │   └── key-vault-reference
    ├── mtls-client-certificates
    ├── native-dependencies
    ├── redis
    ├── revision-validation
    │   └── custom-domains
    └── storage
        └── bring-your-own-storage
    ");
    insta::assert_snapshot!(Place::new().line("graph --format mermaid").code(0).stdout, @r"
    flowchart TD
        managed-identity --> azure-sql
        storage --> bring-your-own-storage
        managed-identity --> container-registry
        managed-identity --> cosmos-db
        baseline --> custom-container
        revision-validation --> custom-domains
        baseline --> dapr-integration
        baseline --> easy-auth
        baseline --> jobs
        managed-identity --> key-vault-reference
        baseline --> managed-identity
        baseline --> mtls-client-certificates
        baseline --> native-dependencies
        baseline --> redis
        baseline --> revision-validation
        baseline --> storage
    ");
}

#[test]
fn check_and_what_is_missing() {
    let outcome = Place::new()
        .line("check key-vault-reference --sandbox -p secrets.A=b --sandbox-caller contributor")
        .code(3);
    says(&outcome, &["✗ may grant Key Vault Secrets User on kv-demo", "Mend what is marked"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r"
    AzureCloud, tenant [TENANT], subscription [SUBSCRIPTION] (from sandbox), group rg-demo, app ca-demo, as contributor (sandbox caller) [sandbox]

    Prerequisites
      ✓ subscription [SUBSCRIPTION]  Sandbox
      ✓ provider Microsoft.App registered
      ✓ resource group rg-demo  westeurope
      ✓ container app ca-demo  provisioningState Succeeded
      ✓ environment cae-demo  provisioningState Succeeded
      ✓ managed-identity: an identity is named
      ✓ managed-identity: AZURE_CLIENT_ID does not name another identity
      ✓ provider Microsoft.KeyVault registered
      ✓ key-vault-reference: key vault kv-demo  /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo
      ✓ key-vault-reference: the vault uses role assignments
      ✓ key-vault-reference: the vault can be reached
      ✓ key-vault-reference: each secret of the app stands for one secret of the vault
      ✓ key-vault-reference: no secret of the app is overwritten
      ✓ may change the container app ca-demo  Microsoft.App/containerApps/write
      ✗ may grant Key Vault Secrets User on kv-demo
          the caller lacks Microsoft.Authorization/roleAssignments/write on /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo
          fix: acarecipe apply managed-identity first (it needs no role right); then run this again for the line an administrator types

    Permissions, as this run needs them
      /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.App/containerApps/ca-demo
        ✓ Microsoft.App/containerApps/write           change the container app ca-demo
        ✓ Microsoft.App/containerApps/read            read the container app ca-demo
        ✓ Microsoft.App/containerApps/revisions/read  read the revision ca-demo--first01
        smallest built-in role: Container Apps Contributor
      /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.App/managedEnvironments/cae-demo
        ✓ Microsoft.App/managedEnvironments/join/action  leave the app in the Container Apps environment cae-demo
        ✓ Microsoft.App/managedEnvironments/read         read the Container Apps environment cae-demo
        smallest built-in role, if any: Container Apps Contributor
      /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo
        ✗ Microsoft.Authorization/roleAssignments/write  grant Key Vault Secrets User on kv-demo
        ✓ Microsoft.KeyVault/vaults/read                 read the key vault kv-demo
        smallest built-in role: Role Based Access Control Administrator

    Prerequisites missing: [COUNT] requests [sandbox]
      Mend what is marked ✗ above, then run the same command again.
    ");
}

#[test]
fn plan() {
    let outcome = Place::new()
        .run([
            "plan",
            "key-vault-reference",
            "--sandbox",
            "-p",
            "secrets.DB_PASSWORD=db-password",
            "-p",
            "managed-identity.identity=create",
        ])
        .code(0);
    says(&outcome, &["(known after apply)", "creates a new revision", "To make these changes"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r#"
    AzureCloud, tenant [TENANT], subscription [SUBSCRIPTION] (from sandbox), group rg-demo, app ca-demo, as owner (sandbox caller) [sandbox]

    Prerequisites
      ✓ subscription [SUBSCRIPTION]  Sandbox
      ✓ provider Microsoft.App registered
      ✓ resource group rg-demo  westeurope
      ✓ container app ca-demo  provisioningState Succeeded
      ✓ environment cae-demo  provisioningState Succeeded
      ✓ provider Microsoft.ManagedIdentity registered
      ✓ managed-identity: an identity is named
      ✓ provider Microsoft.KeyVault registered
      ✓ key-vault-reference: key vault kv-demo  /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo
      ✓ key-vault-reference: the vault uses role assignments
      ✓ key-vault-reference: the vault can be reached
      ✓ key-vault-reference: each secret of the app stands for one secret of the vault
      ✓ key-vault-reference: no secret of the app is overwritten
      ✓ may create the user-assigned identity id-ca-demo  Microsoft.ManagedIdentity/userAssignedIdentities/write
      ✓ may assign the user-assigned identity id-ca-demo to the app  Microsoft.ManagedIdentity/userAssignedIdentities/assign/action
      ✓ may grant Key Vault Secrets User on kv-demo  Microsoft.Authorization/roleAssignments/write
      ✓ may change the container app ca-demo  Microsoft.App/containerApps/write

    Plan: 3 writes, 1 new revision

      + user-assigned identity id-ca-demo will be created
          # an identity of its own for ca-demo
          + location  "westeurope"

      + role assignment Key Vault Secrets User on kv-demo will be created
          # the identity may read the vault's secrets
          + role       "Key Vault Secrets User"
          + principal  (known after apply)
          + scope      "/subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo"
          → a role takes up to 10 minutes to be in force everywhere

      ~ container app ca-demo will be changed
          # the identity that DefaultAzureCredential picks
          ~ identity.type                                            "None" → "UserAssigned"
          + identity.userAssignedIdentities[id-ca-demo]              (assigned)
          + template.containers[ca-demo].env[AZURE_CLIENT_ID].value  (known after apply)
          # DB_PASSWORD comes from the vault
          + configuration.secrets[db-password].keyVaultUrl           "https://kv-demo.vault.azure.net/secrets/db-password"
          + configuration.secrets[db-password].identity              "/subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-ca-demo"
          + template.containers[ca-demo].env[DB_PASSWORD].secretRef  "db-password"
          → creates a new revision; it takes over all traffic once it is ready
          → waits 2 minutes for the role Key Vault Secrets User first

    Done: [COUNT] requests [sandbox]
      To make these changes: acarecipe apply with the same arguments.
    "#);
}

#[test]
fn apply_and_again() {
    let place = Place::new();
    let line = "apply key-vault-reference --sandbox -p secrets.DB_PASSWORD=db-password";
    let outcome = place.line(line).code(0);
    says(&outcome, &["Done: 3 writes, 1 new revision"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r#"
    AzureCloud, tenant [TENANT], subscription [SUBSCRIPTION] (from sandbox), group rg-demo, app ca-demo, as owner (sandbox caller) [sandbox]

    Prerequisites
      ✓ subscription [SUBSCRIPTION]  Sandbox
      ✓ provider Microsoft.App registered
      ✓ resource group rg-demo  westeurope
      ✓ container app ca-demo  provisioningState Succeeded
      ✓ environment cae-demo  provisioningState Succeeded
      ✓ managed-identity: an identity is named
      ✓ managed-identity: AZURE_CLIENT_ID does not name another identity
      ✓ provider Microsoft.KeyVault registered
      ✓ key-vault-reference: key vault kv-demo  /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo
      ✓ key-vault-reference: the vault uses role assignments
      ✓ key-vault-reference: the vault can be reached
      ✓ key-vault-reference: each secret of the app stands for one secret of the vault
      ✓ key-vault-reference: no secret of the app is overwritten
      ✓ may change the container app ca-demo  Microsoft.App/containerApps/write
      ✓ may grant Key Vault Secrets User on kv-demo  Microsoft.Authorization/roleAssignments/write

    Plan: 3 writes, 1 new revision

      ~ container app ca-demo will be changed
          # the app's own identity
          ~ identity.type  "None" → "SystemAssigned"
          → no new revision; running replicas see the identity at their next start

      + role assignment Key Vault Secrets User on kv-demo will be created
          # the identity may read the vault's secrets
          + role       "Key Vault Secrets User"
          + principal  (known after apply)
          + scope      "/subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo"
          → a role takes up to 10 minutes to be in force everywhere

      ~ container app ca-demo will be changed
          # DB_PASSWORD comes from the vault
          + configuration.secrets[db-password].keyVaultUrl           "https://kv-demo.vault.azure.net/secrets/db-password"
          + configuration.secrets[db-password].identity              "system"
          + template.containers[ca-demo].env[DB_PASSWORD].secretRef  "db-password"
          → creates a new revision; it takes over all traffic once it is ready
          → waits 2 minutes for the role Key Vault Secrets User first

    name=ca-demo provisioningState=Succeeded runningStatus=Running

    Verification
      ✓ managed-identity: the app's own identity (simulated)  identity.type
      ✓ key-vault-reference: the identity may read the vault's secrets (simulated)  Key Vault Secrets User on /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo
      ✓ key-vault-reference: DB_PASSWORD comes from the vault (simulated)  configuration.secrets[db-password].keyVaultUrl, configuration.secrets[db-password].identity, template.containers[ca-demo].env[DB_PASSWORD].secretRef
      ✓ app ca-demo (simulated)  provisioningState Succeeded, runningStatus Running
      ✓ revision ca-demo--[SUFFIX] (simulated)  Provisioned, Healthy, Running; 100 % of the traffic

    Outputs
      managed-identity.principal_id = [GUID]
      managed-identity.client_id = [GUID]
      managed-identity.name = ca-demo
      managed-identity.identity = system
      key-vault-reference.vault_id = /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo
      key-vault-reference.vault_uri = https://kv-demo.vault.azure.net/

    Next
      managed-identity: In the app, DefaultAzureCredential() from azure-identity now finds this
      identity. Give it further roles with -p 'roles=[{"role": "…", "scope": "…"}]'; a new role takes up
      to 10 minutes.
      key-vault-reference: A reference without a version follows the vault: Container Apps fetches a new
      version within 30 minutes and restarts the revisions that use it. A reference with a version stays
      on it.

    Done: 3 writes, 1 new revision, [COUNT] requests [sandbox]
    "#);
    insta::assert_snapshot!(on_stderr(&outcome), @r"
    stderr:
      → change the container app ca-demo
      … Azure works on ca-demo: accepted
      ✓ change the container app ca-demo ([TIME])
      → grant Key Vault Secrets User on kv-demo
      ✓ grant Key Vault Secrets User on kv-demo ([TIME])
      … waiting until the role Key Vault Secrets User on kv-demo is in force: 120 s left
      … waiting until the role Key Vault Secrets User on kv-demo is in force: 90 s left
      … waiting until the role Key Vault Secrets User on kv-demo is in force: 60 s left
      … waiting until the role Key Vault Secrets User on kv-demo is in force: 30 s left
      → change the container app ca-demo
      … Azure works on ca-demo: accepted
      ✓ change the container app ca-demo ([TIME])
      … ca-demo--[SUFFIX]: it is being provisioned
      ✓ revision ca-demo--[SUFFIX] is ready, 100 % of the traffic ([TIME])
    ");
    let again = place.line(line).code(0);
    says(&again, &["No changes.", "Done: 0 writes, no new revision"]);
    assert_eq!(again.stderr, "");
}

#[test]
fn apply_that_azure_refuses() {
    let outcome = Place::new()
        .run([
            "apply",
            "managed-identity",
            "--sandbox",
            "--sandbox-fault",
            "match=PATCH:/containerApps/ status=400",
        ])
        .code(1);
    says(&outcome, &["Failed", "run the same command again", "Correlation id"]);
    insta::assert_snapshot!(on_stderr(&outcome), @r"
    stderr:
      → change the container app ca-demo
    error[azure-refused]: PATCH /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.App/containerApps/ca-demo: 400 InternalServerError: Encountered internal server error. Please try again later
     |
     = cause: while trying to change the container app ca-demo
     = fix: see what Azure logged of it: az monitor activity-log list --correlation-id [GUID]; mend that, then run the same command again: it goes on from what is there
     = resource: /subscriptions/[SUBSCRIPTION]/resourceGroups/rg-demo/providers/Microsoft.App/containerApps/ca-demo
     = correlation id: [GUID]
    ");
}

#[test]
fn verify() {
    let place = Place::new();
    let outcome = place.line("verify managed-identity --sandbox").code(4);
    says(&outcome, &["✗ managed-identity", "fix: acarecipe apply managed-identity"]);
    insta::assert_snapshot!(outcome.scrubbed(), @r#"
    AzureCloud, tenant [TENANT], subscription [SUBSCRIPTION] (from sandbox), group rg-demo, app ca-demo, as owner (sandbox caller) [sandbox]

    name=ca-demo provisioningState=Succeeded runningStatus=Running

    Verification
      ✗ managed-identity: the app's own identity (simulated)
          identity.type is "None", not "SystemAssigned"
          fix: acarecipe apply managed-identity
      ✓ app ca-demo (simulated)  provisioningState Succeeded, runningStatus Running
      ✓ revision ca-demo--first01 (simulated)  Provisioned, Healthy, Running; 100 % of the traffic

    Outputs
      managed-identity.name = ca-demo
      managed-identity.identity = system

    Verification failed: [COUNT] requests [sandbox]
      Mend what is marked ✗ above; acarecipe verify with the same arguments looks again.
      Correlation id of this run, for Azure support: [GUID]
    "#);
    let health = place.line("verify --sandbox").code(0);
    says(&health, &["name=ca-demo provisioningState=Succeeded runningStatus=Running"]);
    insta::assert_snapshot!(health.scrubbed(), @r"
    AzureCloud, tenant [TENANT], subscription [SUBSCRIPTION] (from sandbox), group rg-demo, app ca-demo, as owner (sandbox caller) [sandbox]

    name=ca-demo provisioningState=Succeeded runningStatus=Running

    Verification
      ✓ app ca-demo (simulated)  provisioningState Succeeded, runningStatus Running
      ✓ revision ca-demo--first01 (simulated)  Provisioned, Healthy, Running; 100 % of the traffic

    Done: [COUNT] requests [sandbox]
    ");
}

#[test]
fn sandbox_commands() {
    let place = Place::new();
    let rules = place.line("sandbox rules").code(0);
    says(&rules, &["(confirmed)", "(assumed)", "source: "]);
    let shown = place.line("sandbox show").code(0).json();
    assert_eq!(shown["tenant"], "22222222-2222-4222-8222-222222222222");
    let reset = place.line("sandbox reset").code(0);
    assert!(reset.stdout.contains("as it was seeded"), "{}", reset.stdout);
}

#[test]
fn schema() {
    let place = Place::new();
    let recipe = place.line("schema").code(0).json();
    assert!(recipe["properties"]["steps"].is_object(), "{recipe:#}");
    assert!(jsonschema::meta::is_valid(&recipe));
    let project = place.line("schema --project").code(0).json();
    assert!(project["properties"]["target"].is_object(), "{project:#}");
    assert!(jsonschema::meta::is_valid(&project));
}

/// One thing that is missing is told once, and no half plan is passed off as a whole one.
#[test]
fn check_without_the_vault() {
    let outcome =
        Place::new().line("plan key-vault-reference --sandbox -p secrets.A=b -p key_vault=kv-gone").code(3);
    says(&outcome, &["✗ key-vault-reference: key vault kv-gone", "Plan, as far as it can be told"]);
    assert_eq!(outcome.stdout.matches("✗ ").count(), 2, "one finding and the hint:\n{}", outcome.stdout);
}
