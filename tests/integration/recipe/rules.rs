//! Each rule of lint: a file that breaks it, and files that do not and must be let alone.

use acarecipe::recipe::{Catalogue, lint};

use super::{HEAD, brief};

/// What lint says of a recipe with this body.
pub fn said(body: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recipe.yaml");
    std::fs::write(&file, format!("{HEAD}{body}")).unwrap();
    brief(&lint(&[file], &Catalogue::built_in().unwrap()))
}

/// A step that is none of a test's business; `TEXT` is read by it.
pub fn tagged(text: &str) -> String {
    format!("steps:\n  - {{ id: tag, why: a tag, container_app: {{ tags: {{ a: \"{text}\" }} }} }}\n")
}

#[track_caller]
fn says(body: &str, expected: &[&str]) {
    assert_eq!(said(body), expected, "{body}");
}

#[test]
fn secrets_go_only_where_azure_never_returns_them() {
    let inputs = "inputs: { key: { secret: true, description: D. }, other: { description: D. } }\n";
    let steps = "steps:\n  - { id: tag, why: \"${inputs.other}\", container_app: ";
    for (rest, code) in [
        ("{ tags: { a: \"${inputs.key}\" } } }", Some("secret-misplaced")),
        ("{ tags: { a: \"x-${upper(inputs.key)}\" } } }", Some("secret-misplaced")),
        ("{ tags: { a: \"${inputs.other || inputs.key}\" } } }", Some("secret-misplaced")),
        ("{ tags: { a: \"${if(inputs.other, 'x', inputs.key)}\" } } }", Some("secret-misplaced")),
        ("{ tags: { a: \"${{x: inputs.key, y: 'z'}.x}\" } } }", Some("secret-misplaced")),
        ("{ tags: { \"${inputs.key}\": a } } }", Some("secret-misplaced")),
        (
            "{ configuration: { secrets: [{ name: \"${inputs.key}\", value: x }] } } }",
            Some("secret-misplaced"),
        ),
        (
            "{ tags: { a: \"${variables.v}\" } } }\nvariables: { v: \"${inputs.key}\" }",
            Some("secret-misplaced"),
        ),
        (
            "{ tags: { a: \"${variables.v.in[0]}\" } } }\nvariables: { v: { out: x, in: [\"${inputs.key}\"] } }",
            Some("secret-misplaced"),
        ),
        ("{ tags: { a: x } } }\nnotes: \"it is ${inputs.key}\"", Some("secret-misplaced")),
        // Letter by letter, without ever writing it.
        ("{ tags: { a: x } }, when: \"${starts_with(inputs.key, 'a')}\" }", Some("secret-examined")),
        ("{ tags: { a: \"${if(inputs.key == 'a', 'yes', 'no')}\" } } }", Some("secret-examined")),
        ("{ tags: { a: \"${['a', 'b'][?@ == root().inputs.key] | [0]}\" } } }", Some("secret-examined")),
        ("{ tags: { a: \"${find([{n: 'a'}], 'n', inputs.key).n}\" } } }", Some("secret-examined")),
        // What is left when something is cut from it, or whether anything is.
        ("{ tags: { a: \"${if(replace(inputs.key, 'a', ''), 'no', 'yes')}\" } } }", Some("secret-examined")),
        ("{ tags: { a: \"${split(inputs.key, 'a')[1] && 'yes'}\" } } }", Some("secret-examined")),
        ("{ tags: { a: \"${to_string(!split(inputs.key, 'a')[1])}\" } } }", Some("secret-examined")),
        ("{ tags: { a: \"${to_string(split(inputs.key, 'a')[1] == `null`)}\" } } }", Some("secret-examined")),
        ("{ tags: { a: \"${type(split(inputs.key, 'a')[1])}\" } } }", Some("secret-examined")),
        ("{ tags: { a: \"${split(inputs.key, 'a')[1].['yes'][0] || 'no'}\" } } }", Some("secret-examined")),
        ("{ tags: { a: \"${join('', split(inputs.key, 'a')[*].['x'][])}\" } } }", Some("secret-examined")),
        (
            "{ tags: { a: \"${[{n: 'x', s: split(inputs.key, 'a')[1]}][?s].n | [0]}\" } } }",
            Some("secret-examined"),
        ),
        ("{ tags: { a: \"${if(inputs.key, 'given', 'none')}\" } } }", None),
        // Where it belongs; and whether it is given.
        ("{ configuration: { secrets: [{ name: k, value: \"${inputs.key}\" }] } } }", None),
        (
            "{ tags: { a: \"${variables.v.out}\" } }, when: \"${inputs.key}\" }\nvariables: { v: { out: x, in: \"${inputs.key}\" } }",
            None,
        ),
        ("{ tags: { a: \"${if(inputs.key, 'given', 'none')}\" } } }", None),
        ("{ tags: { a: \"${{x: inputs.key, y: 'z'}.y}\" } } }", None),
    ] {
        let found = said(&format!("{inputs}{steps}{rest}\n"));
        match code {
            Some(code) => assert!(found.len() == 1 && found[0].starts_with(code), "{rest}: {found:?}"),
            None => assert!(found.iter().all(|one| one.starts_with("unused")), "{rest}: {found:?}"),
        }
    }
    says(
        "inputs: { key: { secret: true, default: hunter2, description: D. } }\nsteps:\n  - { id: s, why: w, container_app: { configuration: { secrets: [{ name: k, value: \"${inputs.key}\" }] } } }\n",
        &[r#"secret-default 5 "hunter2" leave it to whoever runs it"#],
    );
}

#[test]
fn a_principal_is_the_runs_or_the_callers() {
    let grant = |principal: &str| {
        format!(
            "steps:\n  - {{ id: make, why: w, resource: {{ type: Microsoft.ManagedIdentity/userAssignedIdentities, name: x, body: {{ tags: {{ p: 11111111-1111-1111-1111-111111111111 }} }} }} }}\n  - {{ id: sys, why: w, container_app: {{ identity: {{ type: SystemAssigned }} }} }}\n  - {{ id: grant, why: w, role_assignment: {{ role: Reader, principal: \"{principal}\", scope: \"${{app.id}}\" }} }}\n"
        )
    };
    let before = "requires: [managed-identity]\ninputs: { p: { description: D. }, d: { description: D., default: 1-1 }, list: { type: list, description: D. } }\nexisting:\n  mine: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: \"${inputs.p}\" }\n  theirs: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: /subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x }\n  built: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: \"${join('/', ['', 'subscriptions'])}\" }\n  all: { type: Microsoft.Authorization/roleAssignments, list: true, scope: \"${app.id}\" }\n  held: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: \"${inputs.p}\", resource_group: rg-theirs }\n  reg: { type: Microsoft.ContainerRegistry/registries, name: \"${inputs.p}\" }\nvariables: { v: 1-1, chosen: \"${if(inputs.p, steps.make, mine)}\", w: \"${inputs.list}\" }\n";
    for (principal, good) in [
        ("1-1", false),
        ("${'1-1'}", false),
        ("${join('-', ['1', '1'])}", false),
        ("${variables.v}", false),
        ("${inputs.p || '1-1'}", false),
        ("${inputs.d}", false),
        ("${not_null(inputs.p, variables.v)}", false),
        ("${replace(inputs.p, 'a', 'b')}", false),
        ("x${inputs.p}", false),
        ("${target.tenant}", false),
        ("${app.tags.p}", false),
        ("${container.env[0].value}", false),
        ("${steps.make.tags.p}", false),
        ("${theirs.properties.principalId}", false),
        ("${built.properties.principalId}", false),
        ("${mine.tags.p}", false),
        ("${all[?name == 'x'].properties.principalId | [0]}", false),
        ("${held.properties.principalId}", false),
        ("${reg.identity.principalId}", false),
        ("${{a: '1-1'}.a}", false),
        ("${['1-1'][0]}", false),
        ("${find([{n: 'x', id: '1-1'}], 'n', 'x').id}", false),
        ("${inputs.p}", true),
        ("${variables.w[0]}", true),
        ("${app.identity.principalId}", true),
        ("${values(app.identity.userAssignedIdentities)[0].principalId}", true),
        ("${steps.make.properties.principalId}", true),
        ("${steps.sys.identity.principalId}", true),
        ("${mine.properties.principalId}", true),
        ("${variables.chosen.properties.principalId}", true),
        ("${managed_identity.principal_id}", true),
        ("${if(inputs.p == 'x', inputs.p, managed_identity.principal_id)}", true),
    ] {
        let found = said(&format!("{before}{}", grant(principal)));
        let refused = found.iter().any(|one| one.starts_with("literal-principal"));
        assert_eq!(!refused, good, "{principal}: {found:?}");
    }
    // By what it sets in a recipe that it requires.
    let with =
        |with: &str| format!("requires: [{{ recipe: managed-identity, with: {with} }}]\n{}", tagged("x"));
    says(
        &with(
            "{ identity: [/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x] }",
        ),
        &[r#"literal-principal 5 "identity" take it from an identity of the run or from an input"#],
    );
    says(&with("{ identity: [create, id-demo] }"), &[]);
}

#[test]
fn names_within_a_filter_are_those_of_the_element() {
    let body = |text: &str| format!("inputs: {{ name: {{ description: D. }} }}\n{}", tagged(text));
    for (text, found) in [
        ("${app.properties.configuration.secrets[?name == inputs.name] | [0].keyVaultUrl}", true),
        ("${map(&join('', [@.name, inputs.name]), container.env)[0]}", true),
        ("${sort_by(container.env, &target.app)[0].secretRef}", true),
        ("${app.properties.configuration.secrets[?name == root().inputs.name] | [0].keyVaultUrl}", false),
        ("${inputs.name && container.env[?inputs].secretRef | [0]}", false),
    ] {
        let said = said(&body(text));
        assert_eq!(said.iter().any(|one| one.starts_with("out-of-reach")), found, "{text}: {said:?}");
    }
}

#[test]
fn comparisons_that_always_come_out_the_same() {
    let body = |text: &str| format!("inputs: {{ n: {{ description: D. }} }}\n{}", tagged(text));
    for (text, found) in [
        ("${to_string(inputs.n) == `6380`}", true),
        ("${length(inputs.n) == '3'}", true),
        ("${inputs.n < '2027'}", true),
        ("${!(inputs.n) == 'true'}", true),
        ("${contains(inputs.n, 'x') == 'true'}", true),
        ("${container.env[?secretRef == true] | [0].name}", true),
        ("${inputs.n == '6380'}", false),
        ("${length(inputs.n) > `3`}", false),
        ("${inputs.n == null_ || inputs.n == `null`}", false),
        ("${find(container.env, 'name', 'X') == `null`}", false),
        ("${type(inputs.n) == 'null'}", false),
    ] {
        let said = said(&body(text));
        assert_eq!(said.iter().any(|one| one.starts_with("never-true")), found, "{text}: {said:?}");
    }
    let said = said(&body("${inputs.n == true}"));
    assert!(said.iter().any(|one| one.contains("a literal stands in backticks")), "{said:?}");
}

#[test]
fn misspelt_fields_below_roots_whose_type_is_known() {
    let before = "existing: { vault: { type: Microsoft.KeyVault/vaults, name: kv }, any: { type: Microsoft.Other/things@2025-01-01, name: x } }\n";
    for (text, found) in [
        (
            "${app.properties.configuraton.ingress.fqdn}",
            Some(
                r#"unknown-field 7 "app.properties.configuraton.ingress.fqdn" did you mean `configuration`?"#,
            ),
        ),
        (
            "${app.configuration.ingress.fqdn}",
            Some(r#"unknown-field 7 "app.configuration.ingress.fqdn" it is `properties.configuration`"#),
        ),
        ("${container.envs}", Some(r#"unknown-field 7 "container.envs" did you mean `env`?"#)),
        (
            "${container.env[0].secretref}",
            Some(r#"unknown-field 7 "container.env" did you mean `secretRef`?"#),
        ),
        ("${vault.vaultUri}", Some(r#"unknown-field 7 "vault.vaultUri""#)),
        ("${app.properties.configuration.ingress.fqdn}", None),
        ("${find(container.env, 'name', 'X').secretRef}", None),
        ("${vault.properties.anything.that.may.come}", None),
        ("${any.whatever}", None),
        ("${app.tags.colour}", None),
        ("${environment.properties.defaultDomain}", None),
        ("${keys(app.identity.userAssignedIdentities)[0]}", None),
    ] {
        let said = said(&format!("{before}{}", tagged(text)));
        match found {
            Some(found) => assert!(said.len() == 1 && said[0].starts_with(found), "{text}: {said:?}"),
            None => assert!(said.is_empty(), "{text}: {said:?}"),
        }
    }
}

#[test]
fn fragments_say_what_azure_takes() {
    let app = |fragment: &str| format!("steps:\n  - {{ id: s, why: w, container_app: {fragment} }}\n");
    for (fragment, found) in [
        ("{ template: { containers: [{ env: [{ name: A, value: b }] }] } }", "missing-list-key"),
        ("{ configuration: { secrets: [{ value: x }] } }", "missing-list-key"),
        ("{ template: { contaners: [] , scale: { minReplicas: 1 } } }", "unknown-field"),
        ("{ identity: { principalId: x } }", "read-only-property"),
        ("{ configuration: { ingress: { fqdn: x } } }", "read-only-property"),
        ("{ $patch: delete }", "bad-directive"),
        ("{}", "owns-nothing"),
        ("{ tags: {}, template: null }", "owns-nothing"),
        ("{ tags: { a: b, c: } }", "owns-nothing"),
    ] {
        let said = said(&app(fragment));
        assert!(said.iter().any(|one| one.starts_with(found)), "{fragment}: {said:?}");
    }
    for fragment in [
        "{ identity: { type: UserAssigned, userAssignedIdentities: { \"${app.id}\": {} } } }",
        "{ template: { containers: [{ name: \"${container.name}\", env: [{ name: A, value: b }] }], scale: { minReplicas: 1 } } }",
        "{ configuration: { registries: [{ server: s, identity: system, username: { $patch: delete } }] } }",
        "{ tags: { $patch: replace, value: { a: b } } }",
    ] {
        says(&app(fragment), &[]);
    }
}

#[test]
fn what_nothing_reads_and_what_people_need() {
    says(
        "inputs: { used: { description: D. }, idle: {} }\nexisting:\n  maybe: { type: Microsoft.KeyVault/vaults, name: x, optional: true }\n  must: { type: Microsoft.KeyVault/vaults, name: y }\nvariables: { v: \"${variables.w}\", w: \"${inputs.used}\" }\nprerequisites: [{ that: \"${must.id}\" }]\nsteps: [{ id: s, container_app: { tags: { a: b } } }]\n",
        &[
            r#"unused 5 "idle""#,
            r#"undescribed 5 "idle""#,
            r#"unused 7 "maybe""#,
            r#"unused 9 "v""#,
            r#"undescribed 10 "that""#,
            r#"undescribed 11 "s""#,
        ],
    );
    // All of them at once count as read.
    says(&format!("inputs: {{ a: {{ description: D. }} }}\n{}", tagged("${join(',', values(inputs))}")), &[]);
}

#[test]
fn success_shows_in_something_that_azure_made() {
    let identity = "steps:\n  - { id: make, why: w, resource: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: x, body: {} } }\n";
    says(
        identity,
        &[
            r#"no-observed-effect 6 "make" add a `verify` over what is read, or change the app: its revision's health counts"#,
        ],
    );
    says(
        &format!("{identity}verify: [{{ that: \"${{target.app == 'x'}}\" }}]\n"),
        &[
            r#"no-observed-effect 6 "make" add a `verify` over what is read, or change the app: its revision's health counts"#,
        ],
    );
    says(&format!("{identity}verify: [{{ that: \"${{steps.make.properties.clientId}}\" }}]\n"), &[]);
    says(&format!("requires: [managed-identity]\n{identity}"), &[]);
}

#[test]
fn a_fix_is_one_command_whose_values_are_words() {
    let fixed = |fix: &str| {
        format!(
            "prerequisites:\n  - that: \"${{app.id}}\"\n    otherwise: o\n    fix: {fix}\n{}",
            tagged("x")
        )
    };
    for fix in
        ["\"a\\nb\"", "|\n      a\n      b", "az x --name '${app.name}'", "az x --query \\\"${app.name}\\\""]
    {
        let fix =
            if fix.contains('\\') && !fix.starts_with('"') { format!("\"{fix}\"") } else { fix.to_owned() };
        let said = said(&fixed(&fix));
        assert!(said.len() == 1 && said[0].starts_with("bad-fix"), "{fix}: {said:?}");
    }
    says(&fixed("az x --name ${app.name} --query '[].id' --tags a=${target.app}"), &[]);
}

#[test]
fn what_yaml_reads_otherwise() {
    let said = said(
        "inputs:\n  on: { description: D., default: no }\nsteps:\n  - id: s\n    why: \"${inputs.on}\"\n    container_app:\n      tags: { a: 3.10, b: 0x1F, c: 1_000, d: \"yes\", e: 1.5, f: 80, g: -1 }\n",
    );
    assert_eq!(
        said,
        [
            r#"yaml-word 6 "on""#,
            r#"yaml-word 6 "no""#,
            r#"yaml-number 11 "3.10""#,
            r#"yaml-number 11 "0x1F""#,
            r#"yaml-number 11 "1_000""#
        ]
    );
}

/// No key of the language is a word that YAML 1.1 reads as a boolean.
#[test]
fn keys_are_keys_to_every_reader() {
    let page = acarecipe::recipe::recipe_schema().to_string();
    for word in ["y", "n", "yes", "no", "on", "off", "true", "false", "null"] {
        assert!(!page.contains(&format!("\"{word}\":")), "{word}");
    }
}

#[test]
fn defaults_have_the_form_of_their_input() {
    for (input, good) in [
        ("{ type: integer, default: x }", false),
        ("{ type: list, items: string, default: [1] }", false),
        ("{ default: 5 }", false),
        ("{ default: c, one_of: [a, b] }", false),
        ("{ default: A, pattern: '[a-z]+' }", false),
        ("{ type: duration, default: soon }", false),
        ("{ type: map, values: { a: string }, default: { b: x } }", false),
        ("{ type: integer, default: 3 }", true),
        ("{ type: list, items: { a: string, b?: integer }, default: [{ a: x }] }", true),
        ("{ default: \"${target.app}\", pattern: '[a-z]+' }", true),
        ("{ default: a, one_of: [a, b] }", true),
        ("{ type: duration, default: 2m }", true),
    ] {
        let said = said(&format!("inputs:\n  i: {input}\n{}", tagged("${to_string(inputs.i)}")));
        assert_eq!(!said.iter().any(|one| one.starts_with("bad-default")), good, "{input}: {said:?}");
    }
}

#[test]
fn a_template_before_a_template_is_two_revisions() {
    let steps = "\
steps:
  - { id: first, why: w, container_app: { template: { revisionSuffix: a } } }
  - { id: between, why: w, after: [first], resource: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: x, body: {} } }
  - { id: last, why: w, container_app: { template: { containers: [{ name: \"${container.name}\", env: [{ name: A, value: \"${steps.between.properties.clientId}\" }] }] } } }
";
    says(steps, &[r#"two-revisions 8 "last" must come after a change of the template"#]);
    says(&steps.replace("after: [first], ", ""), &[]);
}

#[test]
fn a_lookup_in_a_loop_is_its_element_only_there() {
    let before = "inputs: { names: { type: list, description: D. } }\nexisting:\n  one: { type: Microsoft.KeyVault/vaults, for_each: \"${inputs.names}\", name: \"${each.value}\" }\nsteps:\n  - { id: s, why: w, ";
    says(
        &format!("{before}container_app: {{ tags: {{ a: \"${{one.id}}\" }} }} }}\n"),
        &[r#"not-an-element 9 "one.id" use the same `for_each`, or `values(…)`"#],
    );
    says(
        &format!(
            "{before}for_each: \"${{inputs.names}}\", container_app: {{ tags: {{ \"${{each.value}}\": \"${{one.id}}\" }} }} }}\n"
        ),
        &[],
    );
    says(
        &format!("{before}container_app: {{ tags: {{ a: \"${{join(',', values(one)[*].id)}}\" }} }} }}\n"),
        &[],
    );
}

#[test]
fn host_names_of_one_cloud() {
    for (text, found) in [
        ("${inputs.x}.vault.azure.net", Some("cloud.suffixes.key_vault")),
        ("https://a.blob.core.windows.net", Some("cloud.suffixes.storage")),
        ("x.database.chinacloudapi.cn", Some("cloud.suffixes.sql")),
        ("x.AZURECR.us", Some("cloud.suffixes.acr")),
        ("https://management.azure.com/", Some("cloud.suffixes")),
        ("https://example.com/azure.community", None),
        ("${cloud.suffixes.acr}", None),
    ] {
        let said = said(&format!(
            "inputs: {{ x: {{ description: D. }} }}\nnotes: \"${{inputs.x}} see portal.azure.com\"\n{}",
            tagged(text)
        ));
        match found {
            Some(found) => assert!(
                said.len() == 1 && said[0].starts_with("cloud-suffix") && said[0].contains(found),
                "{text}: {said:?}"
            ),
            None => assert!(said.is_empty(), "{text}: {said:?}"),
        }
    }
}

#[test]
fn built_in_recipes_are_beyond_reproach() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("recipe.yaml"))
        .filter(|file| file.exists())
        .collect();
    files.sort();
    assert!(files.len() >= 2);
    assert_eq!(brief(&lint(&files, &Catalogue::built_in().unwrap())), [""; 0]);
}

/// What people would write, after the drafts of recipes to come, as far as the language goes today.
#[test]
fn lint_does_not_cry_wolf() {
    says(
        "\
requires: [managed-identity]
inputs:
  account: { env: [STORAGE_ACCOUNT], required: true, description: Name or id of a storage account. }
  blobs: { default: data, pattern: \"[a-z0-9-]{3,63}\", description: The blob container. }
  read_only: { type: boolean, default: false, description: Only read. }
existing:
  storage: { type: Microsoft.Storage/storageAccounts@2025-06-01, name: \"${inputs.account}\", search: subscription }
prerequisites:
  - that: \"${storage.properties.publicNetworkAccess != 'Disabled' || storage.properties.privateEndpointConnections}\"
    severity: warning
    otherwise: The account ${storage.name} is closed to public networks.
    fix: az storage account update --name ${storage.name} --public-network-access Enabled
steps:
  - id: grant
    why: the app may use blobs
    role_assignment:
      role: \"${if(inputs.read_only, 'Storage Blob Data Reader', 'Storage Blob Data Contributor')}\"
      principal: \"${managed_identity.principal_id}\"
      scope: \"${storage.id}\"
  - id: env
    after: [grant]
    why: where the app finds them
    container_app:
      template:
        containers:
          - name: \"${container.name}\"
            env:
              - { name: BLOB_URL, value: \"${storage.properties.primaryEndpoints.blob}${inputs.blobs}\" }
outputs: { endpoint: \"${storage.properties.primaryEndpoints.blob}\" }
",
        &[],
    );
    says(
        "\
inputs:
  domains: { type: list, items: string, required: true, description: Host names. }
  whitelist: { type: list, items: { name: string, range: string, action?: string }, default: [], description: Ranges that may call. }
variables:
  ingress: \"${app.properties.configuration.ingress}\"
  bound: \"${(variables.ingress.customDomains || `[]`)[?bindingType == 'SniEnabled'].name}\"
  open: \"${inputs.domains[?!contains(root().variables.bound, @)]}\"
prerequisites:
  - that: \"${variables.ingress.external}\"
    otherwise: The app has no external ingress; a domain cannot reach it.
    fix: az containerapp ingress enable --name ${target.app} --resource-group ${target.resource_group} --type external --target-port 8080
  - for_each: \"${variables.open}\"
    that: \"${length(split(each.value, '.')) >= `2`}\"
    otherwise: \"`${each.value}` is no host name.\"
steps:
  - id: ranges
    for_each: \"${inputs.whitelist}\"
    why: ${each.value.name} may call
    container_app:
      configuration:
        ingress:
          ipSecurityRestrictions:
            - { name: \"${each.value.name}\", ipAddressRange: \"${each.value.range}\", action: \"${each.value.action || 'Allow'}\" }
  - id: bind
    for_each: \"${variables.open}\"
    why: ${each.value} is served
    container_app:
      configuration:
        ingress: { customDomains: [{ name: \"${each.value}\", bindingType: Disabled }] }
verify:
  - name: the app has an address
    that: \"${app.properties.configuration.ingress.fqdn}\"
outputs: { fqdn: \"${app.properties.configuration.ingress.fqdn}\" }
",
        &[],
    );
    says(
        "\
inputs:
  password: { secret: true, required: true, env: [REDIS_KEY], description: The access key. }
  host: { required: true, description: The cache's host name. }
  port: { type: integer, default: 6380, description: The port. }
steps:
  - id: secret
    why: the key, kept where nobody reads it
    container_app:
      configuration: { secrets: [{ name: redis-key, value: \"${inputs.password}\" }] }
  - id: env
    why: the app finds the cache
    container_app:
      template:
        containers:
          - name: \"${container.name}\"
            env:
              - { name: REDIS_HOST, value: \"${inputs.host}\" }
              - { name: REDIS_PORT, value: \"${inputs.port}\" }
              - { name: REDIS_TLS, value: \"${to_string(inputs.port == `6380`)}\" }
              - { name: REDIS_KEY, secretRef: redis-key }
",
        &[],
    );
}

/// Without an app nothing of one means anything.
#[test]
fn a_recipe_that_works_on_no_app_names_none() {
    let of = |target: &str, body: &str| {
        let steps = if body.starts_with("steps") {
            ""
        } else {
            "steps:\n  - { id: made, why: w, resource: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: x, body: { location: \"${target.location}\" } } }\nverify: [{ that: \"${steps.made.id}\", name: n }]\n"
        };
        format!("target: {target}\n{steps}{body}")
    };
    for (target, body, code) in [
        ("environment", "outputs: { a: \"${environment.id}\", b: \"${target.environment}\" }\n", None),
        ("resource_group", "outputs: { a: \"${target.resource_group}\" }\n", None),
        ("environment", "outputs: { a: \"${app.id}\" }\n", Some("unknown-reference")),
        ("environment", "outputs: { a: \"${container.name}\" }\n", Some("unknown-reference")),
        ("environment", "outputs: { a: \"${candidate.revision}\" }\n", Some("unknown-reference")),
        ("environment", "outputs: { a: \"${target.app}\" }\n", Some("unknown-reference")),
        ("resource_group", "outputs: { a: \"${environment.id}\" }\n", Some("unknown-reference")),
        ("resource_group", "outputs: { a: \"${target.environment}\" }\n", Some("unknown-reference")),
        ("resource_group", "outputs: { a: \"${app.id}\" }\n", Some("unknown-reference")),
        (
            "environment",
            "steps:\n  - { id: tag, why: w, container_app: { tags: { a: b } } }\n",
            Some("no-app"),
        ),
        (
            "environment",
            "prerequisites: [{ http: { url: \"${environment.id}\" }, name: n }]\n",
            Some("no-app"),
        ),
        ("environment", "requires: [managed-identity]\n", Some("no-app")),
        ("environment", "follows: [managed-identity]\n", None),
        ("everything", "", Some("bad-value")),
    ] {
        let said = said(&of(target, body));
        match code {
            None => assert_eq!(said, [""; 0], "{target} {body}"),
            Some(code) => assert!(said.iter().any(|one| one.starts_with(code)), "{target} {body} {said:?}"),
        }
    }
}
