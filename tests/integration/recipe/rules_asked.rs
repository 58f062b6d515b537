//! Rules of what a recipe asks, of whom, and what may go out with it: a file that breaks each, and files that do not.

use super::rules::{said, tagged};

/// The caller's token goes to a manifest's registry: one that Azure told of, never one that a recipe makes up.
#[test]
fn no_recipe_chooses_where_a_token_goes() {
    let refused = |registry: &str| {
        let lookups = format!(
            "\
inputs: {{ acr: {{ description: D. }} }}
variables: {{ own: {{ id: x, name: evil }}, same: \"${{registry}}\" }}
existing:
  registry: {{ type: Microsoft.ContainerRegistry/registries, name: \"${{inputs.acr}}\" }}
  vault: {{ type: Microsoft.KeyVault/vaults, name: \"${{inputs.acr}}\" }}
  image: {{ manifest: {{ registry: {registry}, repository: a, reference: b }} }}
"
        );
        let body =
            format!("{lookups}{}", tagged("${image.digest} ${vault.id} ${variables.same} ${variables.own}"));
        said(&body)
            .iter()
            .any(|finding| finding.starts_with("bad-value 1") && finding.contains("${registry}"))
    };
    for registry in [
        "\"${variables.own}\"",
        "\"${variables.same}\"",
        "\"${vault}\"",
        "\"${inputs.acr}\"",
        "\"${{name: 'evil', id: registry.id}}\"",
        "\"${if(inputs.acr, vault, registry)}\"",
        "evil.example",
    ] {
        assert!(refused(registry), "{registry}");
    }
    assert!(!refused("\"${registry}\""));
}

/// The answer of an action is a secret, and there only for a write that needs it.
#[test]
fn an_answer_goes_only_into_what_is_written_and_never_returned() {
    let recipe = |kept: &str, rest: &str| {
        format!(
            "existing:\n  account: {{ type: Microsoft.Storage/storageAccounts, name: st }}\nsteps:\n  \
             - {{ id: keys, why: w, action: {{ resource: \"${{account.id}}\", name: listKeys }} }}\n  \
             - {{ id: keep, why: w, container_app: {kept} }}\n{rest}"
        )
    };
    let secret =
        |value: &str| format!("{{ configuration: {{ secrets: [{{ name: k, value: \"{value}\" }}] }} }}");
    let found = "${find(steps.keys.keys, 'keyName', 'key1').value}";
    for (body, codes) in [
        (recipe(&secret(found), ""), vec![]),
        (recipe(&secret("${variables.v}"), &format!("variables: {{ v: \"{found}\" }}\n")), vec![]),
        (recipe(&secret("${steps.keys.keys[0].value}"), ""), vec![]),
        (recipe("{ tags: { a: \"${steps.keys.keys[0].value}\" } }", ""), vec!["secret-misplaced"]),
        (
            recipe("{ tags: { \"${steps.keys.keys[0].value}\": a } }", ""),
            vec!["secret-misplaced", "known-too-late"],
        ),
        // What is in it would be told by what is written.
        (
            recipe(&secret("${if(starts_with(steps.keys.keys[0].value, 'a'), 'x', 'y')}"), ""),
            vec!["secret-examined"],
        ),
        (recipe(&secret(found), "outputs: { k: \"${steps.keys.keys[0].value}\" }\n"), vec!["known-too-late"]),
        (
            recipe(&secret(found), "verify: [{ that: \"${steps.keys.keys}\", name: n }]\n"),
            vec!["known-too-late"],
        ),
        (
            recipe(&secret(found), "prerequisites: [{ that: \"${steps.keys}\", otherwise: o }]\n"),
            vec!["known-too-late"],
        ),
    ] {
        let said = said(&body);
        let mut have: Vec<&str> = said.iter().map(|one| one.split(' ').next().unwrap()).collect();
        have.sort_unstable();
        have.dedup();
        let mut codes = codes;
        codes.sort_unstable();
        assert_eq!(have, codes, "{body} {said:?}");
    }
}

/// An action with an effect says when it is due; what only it can say means nothing elsewhere.
#[test]
fn an_action_with_an_effect_says_when_it_is_due() {
    let step = |more: &str, name: &str| {
        format!(
            "inputs: {{ wanted: {{ type: boolean, description: D. }} }}\nsteps:\n  \
             - {{ id: web, why: w, container_app: {{ tags: {{ a: \"${{inputs.wanted}}\" }} }} }}\n  \
             - {{ id: act, why: w, action: {{ resource: \"${{app.id}}\", name: {name} }}{more} }}\n"
        )
    };
    for (more, name, code) in [
        ("", "start", Some("missing-key")),
        (", retry: never", "start", Some("missing-key")),
        (", after: [web]", "start", Some("missing-key")),
        (", when: \"${inputs.wanted}\"", "start", None),
        (", triggered_by: [web]", "start", None),
        (", triggered_by: [web], when: \"${inputs.wanted}\", retry: never", "restart", None),
        (", triggered_by: [other]", "start", Some("unknown-reference")),
        (", triggered_by: [act]", "start", Some("cycle")),
        (", triggered_by: [web], retry: always", "start", Some("bad-value")),
        (", when: \"${steps.act.name}\"", "start", Some("known-too-late")),
        (", triggered_by: [web]", "listSecrets", Some("unknown-key")),
        (", retry: never", "listSecrets", Some("unknown-key")),
    ] {
        let said = said(&step(more, name));
        match code {
            None => assert_eq!(said, [""; 0], "{name}{more}"),
            Some(code) => assert!(said.iter().any(|one| one.starts_with(code)), "{name}{more} {said:?}"),
        }
    }
    for kind in [
        "container_app: { tags: { b: c } }",
        "resource: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: x, body: {} }",
    ] {
        for more in ["triggered_by: [web]", "retry: never"] {
            let body = format!(
                "{}  - {{ id: two, why: w, {kind}, {more} }}\n",
                tagged("x").replace("id: tag", "id: web")
            );
            let said = said(&body);
            assert!(said.iter().any(|one| one.starts_with("unknown-key")), "{kind} {more} {said:?}");
        }
    }
}

/// What a step waits for is one thing, and judged as what was read.
#[test]
fn a_wait_looks_at_one_thing_and_says_until_when() {
    let wait =
        |wait: &str, more: &str| format!("steps:\n  - {{ id: there, why: w, wait: {{ {wait} }} }}\n{more}");
    let of = "type: Microsoft.App/containerApps/revisions, parent: \"${app.id}\", name: x";
    let looked = |more: &str| format!("for: {{ {of}{more} }}");
    let until = "until: \"${it.properties.healthState == 'Healthy'}\"";
    let after =
        "  - { id: next, why: w, after: [there], container_app: { tags: { a: \"${steps.there.name}\" } } }\n";
    for (wait, code) in [
        (wait(&format!("{}, {until}", looked("")), ""), None),
        (
            wait(
                &format!(
                    "{}, {until}, fails_when: \"${{it.properties.healthState == 'Unhealthy'}}\", reason: \"it is ${{it.name}}\"",
                    looked("")
                ),
                after,
            ),
            None,
        ),
        (wait(&looked(""), ""), Some("missing-key")),
        (wait(until, ""), Some("missing-key")),
        (wait(&format!("{}, until: it.name", looked("")), ""), Some("bare-expression")),
        (wait(&format!("{}, {until}", looked(", optional: true")), ""), Some("unknown-key")),
        (wait(&format!("{}, {until}", looked(", after: [there]")), ""), Some("unknown-key")),
        (wait(&format!("for: {{ type: Microsoft.App/jobs/executions }}, {until}"), ""), Some("missing-key")),
        (
            wait(&format!("for: {{ action: {{ resource: \"${{app}}\", name: listSecrets }} }}, {until}"), ""),
            Some("bad-value"),
        ),
        (
            wait(
                &format!(
                    "for: {{ action: {{ resource: \"${{app}}\", name: listCustomHostNameAnalysis }} }}, {until}"
                ),
                "",
            ),
            None,
        ),
        (wait(&format!("{}, {until}, then: x", looked("")), ""), Some("unknown-key")),
        // What comes of it is known only afterwards.
        (
            wait(
                &format!("{}, {until}", looked("")),
                "  - { id: next, why: w, when: \"${steps.there.name}\", container_app: { tags: { a: b } } }\n",
            ),
            Some("known-too-late"),
        ),
        (
            format!("{}outputs: {{ o: \"${{it.name}}\" }}\n", wait(&format!("{}, {until}", looked("")), "")),
            Some("unknown-reference"),
        ),
        (
            wait(&format!("{}, {until}", looked("").replace("name: x", "name: \"${steps.there.name}\"")), ""),
            Some("cycle"),
        ),
    ] {
        let said = said(&wait);
        match code {
            None => assert_eq!(said, [""; 0], "{wait}"),
            Some(code) => assert!(said.iter().any(|one| one.starts_with(code)), "{wait} {said:?}"),
        }
    }
}

/// What could have an effect, or answer with a secret, is no lookup: a plan would ask for it.
#[test]
fn a_lookup_asks_only_what_the_type_table_lists() {
    let lookup = |name: &str, more: &str| {
        format!(
            "inputs: {{ key: {{ secret: true, description: D. }} }}\nexisting:\n  seen: {{ action: {{ resource: \"${{app.id}}\", name: {name}{more} }}, optional: true }}\n{}",
            tagged("${seen.hostName}")
        )
    };
    let unread = "unused";
    for (name, more, code) in [
        ("listCustomHostNameAnalysis", "", unread),
        ("listCustomHostNameAnalysis", ", query: { customHostname: www.example.com }", unread),
        ("listSecrets", "", "bad-value"),
        ("getAuthtoken", "", "bad-value"),
        ("listKeys", "", "bad-value"),
        ("start", "", "bad-value"),
        ("listCustomHostNameAnalysis", ", query: { api-version: 2020-01-01 }", "bad-name"),
        ("listCustomHostNameAnalysis", ", secret: true", "unknown-key"),
        ("listCustomHostNameAnalysis", ", query: { customHostname: \"${inputs.key}\" }", "secret-misplaced"),
        ("listCustomHostNameAnalysis", ", body: { a: \"${inputs.key}\" }", "secret-misplaced"),
    ] {
        let said = said(&lookup(name, more));
        assert!(said.iter().any(|one| one.starts_with(code)), "{name}{more} {said:?}");
        let wrong = said.iter().filter(|one| !one.starts_with(unread)).count();
        assert_eq!(wrong, usize::from(code != unread), "{name}{more} {said:?}");
    }
}

/// What cannot be followed to its end may be a secret, or be decided by one.
#[test]
fn what_is_too_long_to_follow_is_refused_where_there_is_a_secret() {
    let many: Vec<String> = (0..101).map(|n| format!("account.properties.p{n:03}")).collect();
    let recipe = |last: &str, wrap: fn(&str) -> String, rest: &str| {
        let value = wrap(&format!("[{}, {last}][-1]", many.join(", ")));
        format!(
            "existing:\n  account: {{ type: Microsoft.Storage/storageAccounts, name: st }}\n{rest}  \
             - {{ id: tag, why: w, container_app: {{ tags: {{ a: \"${{{value}}}\" }} }} }}\n"
        )
    };
    let key = "inputs: { key: { secret: true, description: D. } }\n";
    let held = "steps:\n  - { id: keep, why: w, container_app: { configuration: { secrets: [{ name: k, value: \"${inputs.key}\" }] } } }\n";
    let keys = "steps:\n  - { id: keys, why: w, action: { resource: \"${account.id}\", name: listKeys } }\n  \
                - { id: keep, why: w, container_app: { configuration: { secrets: [{ name: k, value: \"${steps.keys.keys[0].value}\" }] } } }\n";
    let asked = |list: &str| format!("if(starts_with({list}, 'sandbox'), 'yes', 'no')");
    for wrap in [asked, str::to_owned] {
        for (last, rest, code) in [
            ("steps.keys.keys[0].value", keys.to_owned(), Some("secret-examined")),
            ("inputs.key", format!("{key}{held}"), Some("secret-examined")),
            ("account.name", "steps:\n".to_owned(), None),
        ] {
            let said = said(&recipe(last, wrap, &rest));
            let codes: Vec<&str> = said.iter().map(|one| one.split(' ').next().unwrap()).collect();
            assert_eq!(codes, Vec::from_iter(code), "{last} {said:?}");
        }
    }
    // Nor may a check read it, which is looked at when nothing was asked yet.
    let check = format!(
        "{}prerequisites: [{{ that: \"${{[{}, steps.keys.keys[0].value][-1]}}\", otherwise: o }}]\n",
        recipe("account.name", |_| "account.name".to_owned(), keys),
        many.join(", ")
    );
    let said = said(&check);
    assert!(said.iter().any(|one| one.starts_with("known-too-late")), "{said:?}");
}

#[test]
fn an_action_only_reads_and_match_names_what_the_body_gives() {
    let action = |name: &str, more: &str| {
        format!(
            "existing:\n  account: {{ type: Microsoft.Storage/storageAccounts, name: st }}\nsteps:\n  \
             - {{ id: keys, why: w, action: {{ resource: \"${{account.id}}\", name: {name}{more} }} }}\n  \
             - {{ id: keep, why: w, container_app: {{ configuration: {{ secrets: [{{ name: k, value: \"${{steps.keys.keys[0].value}}\" }}] }} }} }}\n"
        )
    };
    for (name, more, code) in [
        ("listKeys", "", None),
        ("listKeys", ", body: { expand: kerb }", None),
        // Its answer is a secret, whatever a recipe says.
        ("listKeys", ", secret: false", Some("unknown-key")),
        ("listKeys", ", secret: true", Some("unknown-key")),
        ("getAuthToken", "", None),
        ("regenerateKey", "", Some("bad-value")),
        ("deactivate", "", Some("bad-value")),
        ("list/../delete", "", Some("bad-value")),
        ("list keys", "", Some("bad-value")),
        ("listKeys", ", triggered_by: [x]", Some("unknown-key")),
    ] {
        let said = said(&action(name, more));
        assert_eq!(said.first().map(|one| one.split(' ').next().unwrap()), code, "{name}{more} {said:?}");
    }
    let role = |by: &str, principal: &str| {
        format!(
            "requires: [managed-identity]\nexisting:\n  account: {{ type: Microsoft.DocumentDB/databaseAccounts, name: c }}\nsteps:\n  \
             - id: grant\n    why: w\n    resource:\n      type: Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments\n      \
             parent: \"${{account}}\"\n      name: \"${{guid(managed_identity.principal_id)}}\"\n      match: [{by}]\n      \
             body: {{ properties: {{ {principal}, scope: \"${{account.id}}\", roleDefinitionId: \"${{account.id}}/sqlRoleDefinitions/x\" }} }}\n"
        )
    };
    let own = "principalId: \"${managed_identity.principal_id}\"";
    for (by, principal, code) in [
        ("properties.principalId, properties.scope", own, None),
        // Found without its principal, or written without one, it may be somebody else's.
        ("properties.scope, properties.roleDefinitionId", own, Some("forbidden-type")),
        ("properties.scope", "dataActions: x", Some("forbidden-type")),
        (
            "properties.scope",
            "principalId: { $patch: default, value: \"${managed_identity.principal_id}\" }",
            Some("forbidden-type"),
        ),
        ("properties.principal", own, Some("unknown-reference")),
        ("properties", own, Some("unknown-reference")),
        (
            "properties.principalId",
            "principalId: 11111111-1111-4111-8111-111111111111",
            Some("literal-principal"),
        ),
        ("properties.scope", "PRINCIPALID: 11111111-1111-4111-8111-111111111111", Some("literal-principal")),
        ("properties.principalId", "principalId: \"${account.id}\"", Some("literal-principal")),
        ("properties.scope", "\"${account.name}\": x", Some("literal-principal")),
        (
            "properties.scope",
            "principalId: { $patch: default, value: 11111111-1111-4111-8111-111111111111 }",
            Some("literal-principal"),
        ),
    ] {
        let said = said(&role(by, principal));
        let mut codes = said.iter().map(|one| one.split(' ').next().unwrap());
        match code {
            None => assert_eq!(said, [""; 0], "{by} {principal}"),
            Some(code) => assert!(codes.any(|have| have == code), "{by} {principal} {said:?}"),
        }
    }
}

#[test]
fn a_check_of_the_app_has_the_form_of_the_grammar() {
    let own = "${app.properties.configuration.ingress.fqdn}";
    for (check, code) in [
        (format!("{{ http: {{ url: \"https://{own}/\" }} }}"), None),
        (format!("{{ http: {{ url: \"https://{own}:443/\" }} }}"), None),
        (format!("{{ http: {{ url: \"${{join('', ['https://', '{own}'])}}\" }} }}"), Some("bad-expression")),
        ("{ http: { url: \"${outputs.url}\" } }\noutputs: { url: \"https://x\" }".to_owned(), None),
        (
            format!(
                "{{ name: n, http: {{ url: \"https://{own}/\", method: HEAD, headers: {{ Accept: text/html }}, status: [200, \"300-399\", \"${{'404'}}\"], body: \"${{it.json.ok}}\", max_time: 5s, follow_redirects: true }}, within: 2m, successes: 3, at: \"a:1:2\" }}"
            ),
            None,
        ),
        (
            format!(
                "{{ http: {{ url: \"https://{own}/\", max_time: \"${{'5s'}}\" }}, within: \"${{'2m'}}\", successes: \"${{`2`}}\" }}"
            ),
            None,
        ),
        (format!("{{ http: {{ url: \"https://{own}/\" }}, that: \"${{app}}\" }}"), Some("unknown-key")),
        ("{ name: nothing }".to_owned(), Some("missing-key")),
        ("{ http: { method: GET } }".to_owned(), Some("missing-key")),
        (format!("{{ http: {{ url: \"https://{own}/\", method: POST }} }}"), Some("bad-value")),
        (format!("{{ http: {{ url: \"https://{own}/\", client_secret: x }} }}"), Some("unknown-key")),
        (format!("{{ http: {{ url: \"https://{own}/\", status: [] }} }}"), Some("bad-value")),
        (format!("{{ http: {{ url: \"https://{own}/\", status: [99] }} }}"), Some("bad-value")),
        (format!("{{ http: {{ url: \"https://{own}/\", status: [\"2xx\"] }} }}"), Some("bad-value")),
        (format!("{{ http: {{ url: \"https://{own}/\", status: 200 }} }}"), Some("wrong-type")),
        (format!("{{ http: {{ url: \"https://{own}/\", max_time: 5 }} }}"), Some("wrong-type")),
        (format!("{{ http: {{ url: \"https://{own}/\", max_time: soon }} }}"), Some("bad-value")),
        (format!("{{ http: {{ url: \"https://{own}/\" }}, within: 2x }}"), Some("bad-value")),
        (format!("{{ http: {{ url: \"https://{own}/\" }}, successes: 0 }}"), Some("wrong-type")),
        (format!("{{ http: {{ url: \"https://{own}/\" }}, successes: many }}"), Some("wrong-type")),
        ("{ that: \"${app}\", within: 2m }".to_owned(), Some("unknown-key")),
        ("{ that: \"${app}\", successes: 2 }".to_owned(), Some("unknown-key")),
        (
            format!("{{ http: {{ url: \"https://{own}/\", body: \"${{it.text}}\" }} }}"),
            Some("unknown-reference"),
        ),
        (format!("{{ http: {{ url: \"https://{own}/\", body: ok }} }}"), Some("bare-expression")),
        (format!("{{ http: {{ url: \"https://{own}/${{it.status}}\" }} }}"), Some("unknown-reference")),
        ("{ that: \"${it.status == `200`}\" }".to_owned(), Some("unknown-reference")),
    ] {
        let found = said(&format!("verify:\n  - {check}\n"));
        match code {
            Some(code) => assert!(found.iter().any(|one| one.starts_with(code)), "{check}: {found:?}"),
            None => assert_eq!(found, Vec::<String>::new(), "{check}"),
        }
    }
}

#[test]
fn a_check_of_the_app_goes_to_hosts_that_the_app_gives() {
    let own = "${app.properties.configuration.ingress.fqdn}";
    for (url, code) in [
        ("https://evil.example/".to_owned(), Some("foreign-host")),
        ("https://evil.example".to_owned(), Some("foreign-host")),
        ("https://evil.example/${target.app}".to_owned(), Some("foreign-host")),
        (format!("https://{own}.evil.example/"), Some("foreign-host")),
        (format!("https://{own}@evil.example/"), Some("foreign-host")),
        (format!("https://evil.example@{own}/"), Some("foreign-host")),
        (format!("https://{own}:8443/"), Some("foreign-host")),
        (format!("http://{own}/"), Some("bad-value")),
        (format!("ftp://{own}/"), Some("bad-value")),
        ("/health".to_owned(), Some("bad-value")),
        (format!("https://{own}"), None),
        (format!("https://{own}/a?b=c#d"), None),
        (format!("https://{own}?b=@c"), None),
        ("https://${target.app}---${target.app}.${environment.properties.defaultDomain}/".to_owned(), None),
        ("${app.properties.outboundIpAddresses[0]}".to_owned(), None),
    ] {
        let found = said(&format!("verify: [{{ http: {{ url: \"{url}\" }} }}]\n"));
        match code {
            Some(code) => assert!(found.len() == 1 && found[0].starts_with(code), "{url}: {found:?}"),
            None => assert_eq!(found, Vec::<String>::new(), "{url}"),
        }
    }
}

#[test]
fn a_check_of_the_app_carries_no_secret_and_no_credential() {
    let own = "https://${app.properties.configuration.ingress.fqdn}";
    let inputs = "inputs: { key: { secret: true, description: D. } }\nsteps:\n  - { id: s, why: w, container_app: { configuration: { secrets: [{ name: k, value: \"${inputs.key}\" }] } } }\n";
    for (http, code) in [
        (format!("url: \"{own}/${{inputs.key}}\""), Some("secret-misplaced")),
        (format!("url: \"{own}/?k=${{upper(inputs.key)}}\""), Some("secret-misplaced")),
        (format!("url: \"{own}/${{if(inputs.key == 'a', 'x', 'y')}}\""), Some("secret-examined")),
        (format!("url: \"{own}/\", headers: {{ X-Key: \"${{inputs.key}}\" }}"), Some("secret-misplaced")),
        (
            format!("url: \"{own}/\", status: [\"${{if(inputs.key == 'a', '200', '404')}}\"]"),
            Some("secret-examined"),
        ),
        (format!("url: \"{own}/\", headers: {{ Authorization: Bearer x }}"), Some("bad-name")),
        (format!("url: \"{own}/\", headers: {{ cookie: a=b }}"), Some("bad-name")),
        (format!("url: \"{own}/\", headers: {{ Host: evil.example }}"), Some("bad-name")),
        (format!("url: \"{own}/\", headers: {{ X-HTTP-Method-Override: DELETE }}"), Some("bad-name")),
        (format!("url: \"{own}/\", headers: {{ x-forwarded-host: evil.example }}"), Some("bad-name")),
        (format!("url: \"{own}/\", headers: {{ X-Original-URL: /admin }}"), Some("bad-name")),
        (format!("url: \"{own}/\", headers: {{ X-MS-CLIENT-PRINCIPAL-ID: me }}"), Some("bad-name")),
        (format!("url: \"{own}/\", headers: {{ X-Request-Id: a, Range: bytes=0-9 }}"), None),
        (format!("url: \"{own}/\", headers: {{ \"a b\": x }}"), Some("bad-name")),
        (format!("url: \"{own}/${{if(inputs.key, 'given', 'none')}}\""), None),
    ] {
        let found = said(&format!("{inputs}verify: [{{ http: {{ {http} }} }}]\n"));
        match code {
            Some(code) => assert!(found.len() == 1 && found[0].starts_with(code), "{http}: {found:?}"),
            None => assert_eq!(found, Vec::<String>::new(), "{http}"),
        }
    }
}

#[test]
fn a_prerequisite_is_judged_once() {
    let own = "https://${app.properties.configuration.ingress.fqdn}/";
    for (rest, expected) in
        [("", 0), (", within: 2m", 1), (", successes: 2", 1), (", within: 2m, successes: 2", 2)]
    {
        let check = format!("{{ otherwise: o, http: {{ url: \"{own}\" }}{rest} }}");
        let found = said(&format!("prerequisites: [{check}]\n{}", tagged("x")));
        assert_eq!(found.len(), expected, "{found:?}");
        assert!(found.iter().all(|one| one.starts_with("bad-value")), "{found:?}");
    }
}

#[test]
fn an_answer_of_the_app_is_an_observed_effect() {
    let grant = "steps:\n  - { id: grant, why: w, role_assignment: { role: Reader, principal: \"${app.identity.principalId}\", scope: \"${app.id}\" } }\n";
    let bare = said(grant);
    assert!(bare.iter().any(|one| one.starts_with("no-observed-effect")), "{bare:?}");
    let own = "https://${app.properties.configuration.ingress.fqdn}/";
    let found = said(&format!("{grant}verify: [{{ http: {{ url: \"{own}\" }} }}]\n"));
    assert_eq!(found, Vec::<String>::new());
}
