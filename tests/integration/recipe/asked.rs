//! What others would learn from what a recipe asks: its names, and POSTs that only read.

use std::sync::LazyLock;

use acarecipe::recipe::{Catalogue, lint};

use super::{HEAD, brief};

static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().unwrap());

const VALUE: &str = "app.properties.template.containers[0].env[0].value";
const INPUTS: &str = "inputs:\n  domain: { description: D. }\n  key: { secret: true, description: D. }\n  file: { type: file, description: D. }\n  flag: { type: boolean, description: D. }\n  usual: { default: www.contoso.example, description: D. }\n  who: { default: \"${join('.', [target.subscription, 'x.example'])}\", description: D. }\n";
const SECRET: &str = "secret-examined";
const NAME: &str = "foreign-name";

/// The codes that lint and load have for a recipe with this body, beside those of the review.
fn codes(body: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine/recipe.yaml");
    std::fs::create_dir_all(folder.path().join("mine")).unwrap();
    std::fs::write(&file, format!("{HEAD}{INPUTS}{body}")).unwrap();
    let ours = |told: &String| {
        ["secret-", "foreign-name", "syntax", "unknown"].iter().any(|code| told.starts_with(code))
    };
    let code = |told: String| told.split(' ').next().unwrap_or_default().to_owned();
    brief(&lint(&[file], &BUILT_IN)).into_iter().filter(ours).map(code).collect()
}

#[track_caller]
fn says(body: &str, code: Option<&str>) {
    let found = codes(body);
    let right = match code {
        Some(code) => found.iter().any(|one| one == code),
        None => found.is_empty(),
    };
    assert!(right, "{body}: {found:?}");
}

/// A lookup of this, and one with the same condition below a wait and a check.
fn everywhere(when: &str, each: &str, name: &str) -> Vec<String> {
    let each = if each.is_empty() { String::new() } else { format!(", for_each: \"${{{each}}}\"") };
    let when = if when.is_empty() { String::new() } else { format!(", when: \"${{{when}}}\"") };
    let dns = format!("dns: {{ name: \"{name}\", type: TXT");
    vec![
        format!("existing: {{ d: {{ {dns} }}{when}{each} }} }}\n"),
        format!("prerequisites: [{{ {dns}, expect: \"${{it.records}}\" }}{when}{each}, otherwise: o }}]\n"),
        format!("verify: [{{ {dns}, expect: \"${{it.records}}\" }}{when}{each}, otherwise: o }}]\n"),
        format!(
            "steps: [{{ id: w, why: w, wait: {{ for: {{ {dns} }} }}, until: \"${{it.records}}\" }}{when}{each} }}]\n"
        ),
    ]
}

/// What a step waits for tells as much as what it writes.
#[test]
fn what_is_left_of_a_secret_decides_no_step() {
    for (when, code) in [
        ("replace(inputs.key, 'a', '')", Some(SECRET)),
        ("!(split(inputs.key, 'a')[1])", Some(SECRET)),
        ("inputs.key", None),
        ("!(inputs.key)", None),
    ] {
        says(
            &format!(
                "steps: [{{ id: s, why: w, container_app: {{ tags: {{ a: b }} }}, when: \"${{{when}}}\" }}]\n"
            ),
            code,
        );
    }
}

#[test]
fn nothing_hidden_decides_which_name_is_asked_for() {
    let own = "${inputs.domain}";
    for (when, each, name, code) in [
        (format!("starts_with({VALUE}, 'a')"), "", own, Some(SECRET)),
        (format!("replace({VALUE}, 'a', '')"), "", own, Some(SECRET)),
        (format!("starts_with({VALUE}, each.value)"), "['a', 'b']", own, Some(SECRET)),
        ("[app.properties.template][0].containers[0].env[0].value == 'a'".to_owned(), "", own, Some(SECRET)),
        (
            "contains(app.properties.template.containers[0].env, {name: 'a'})".to_owned(),
            "",
            own,
            Some(SECRET),
        ),
        ("contains(to_string(app), 'x')".to_owned(), "", own, Some(SECRET)),
        ("contains(container.env[*].value, 'x')".to_owned(), "", own, Some(SECRET)),
        ("starts_with(inputs.key, 'a')".to_owned(), "", own, Some(SECRET)),
        ("contains(inputs.file, 'a')".to_owned(), "", own, Some(SECRET)),
        (String::new(), "app.properties.template.containers[0].env[?value == 'x']", own, Some(SECRET)),
        (String::new(), "", "${inputs.file}", Some(SECRET)),
        (String::new(), "", "asuid.${inputs.file}", Some(SECRET)),
        // What is only there, or is no secret of anybody's.
        ("inputs.key".to_owned(), "", own, None),
        ("inputs.flag && app.properties.configuration.ingress.external".to_owned(), "", own, None),
        ("find(app.properties.template.containers[0].env, 'name', 'A')".to_owned(), "", own, None),
        (
            "app.properties.configuration.ingress.customDomains[?name == root().inputs.domain]".to_owned(),
            "",
            own,
            None,
        ),
    ] {
        for body in everywhere(&when, each, name) {
            says(&body, code);
        }
    }
}

#[test]
fn nor_by_a_detour() {
    let asks = |name: &str, when: &str| {
        format!("  d: {{ dns: {{ name: \"{name}\", type: A }}, when: \"${{{when}}}\" }}\n")
    };
    let own = "${inputs.domain}";
    let choice = format!("if(starts_with({VALUE}, 'a'), 'a', 'b')");
    for (body, code) in [
        (
            format!(
                "variables: {{ x: \"${{starts_with({VALUE}, 'a')}}\" }}\nexisting:\n{}",
                asks(own, "variables.x")
            ),
            Some(SECRET),
        ),
        (
            format!(
                "variables: {{ x: {{ \"${{{VALUE}}}\": y }} }}\nexisting:\n{}",
                asks(own, "contains(keys(variables.x), 'a')")
            ),
            Some(SECRET),
        ),
        // Whether something is found, or a step runs.
        (
            format!(
                "existing:\n  r: {{ type: Microsoft.App/containerApps, name: \"${{{choice}}}\", optional: true }}\n{}",
                asks(own, "r")
            ),
            Some(SECRET),
        ),
        (
            format!(
                "existing:\n  r: {{ type: Microsoft.App/containerApps, name: x, optional: true, when: \"${{starts_with({VALUE}, 'a')}}\" }}\n{}",
                asks(own, "if(r, inputs.flag, '')")
            ),
            Some(SECRET),
        ),
        (
            format!(
                "existing:\n{}steps: [{{ id: s, why: w, when: \"${{starts_with({VALUE}, 'a')}}\", container_app: {{ tags: {{ a: b }} }} }}]\n",
                asks(own, "steps.s")
            ),
            Some(SECRET),
        ),
        (
            format!(
                "existing:\n  r: {{ type: Microsoft.App/containerApps, name: x, optional: true }}\n{}",
                asks(own, "r")
            ),
            None,
        ),
        // How often.
        (
            format!(
                "verify: [{{ dns: {{ name: \"{own}\", type: A, expect: \"${{starts_with(root().{VALUE}, 'a')}}\" }}, within: 5m, otherwise: o }}]\n"
            ),
            Some(SECRET),
        ),
        (
            format!(
                "verify: [{{ dns: {{ name: \"{own}\", type: A, expect: \"${{it.records}}\" }}, within: \"${{if(starts_with({VALUE}, 'a'), '1m', '2m')}}\", otherwise: o }}]\n"
            ),
            Some(SECRET),
        ),
        // By another recipe.
        (
            format!(
                "requires: [{{ recipe: managed-identity, when: \"${{starts_with({VALUE}, 'a')}}\" }}]\nexisting:\n{}",
                asks(own, "inputs.flag")
            ),
            Some(SECRET),
        ),
    ] {
        says(&body, code);
    }
}

#[test]
fn nothing_hidden_decides_a_post_that_only_reads() {
    let asks = |query: &str, when: &str| {
        format!(
            "existing:\n  q: {{ action: {{ resource: \"${{app}}\", name: listCustomHostNameAnalysis, query: {{ customHostname: \"{query}\" }} }}, optional: true{when} }}\n"
        )
    };
    for (query, when, code) in [
        (format!("${{if(starts_with({VALUE}, 'a'), 'a.example', 'b.example')}}"), "", Some(SECRET)),
        (format!("${{{VALUE}}}"), "", Some(SECRET)),
        ("${inputs.file}".to_owned(), "", Some(SECRET)),
        ("${inputs.domain}".to_owned(), ", when: \"${contains(inputs.file, 'a')}\"", Some(SECRET)),
        ("${inputs.domain}".to_owned(), ", when: \"${inputs.flag}\"", None),
    ] {
        says(&asks(&query, when), code);
    }
    let body = |text: &str| {
        format!(
            "existing:\n  q: {{ action: {{ resource: \"${{environment.id}}\", name: checkNameAvailability, body: {{ name: \"{text}\", type: Microsoft.App/managedEnvironments/storages }} }}, optional: true }}\n"
        )
    };
    says(&body(&format!("x${{length({VALUE})}}")), Some(SECRET));
    says(&body("${inputs.domain}"), None);
    let http = |path: &str| {
        format!(
            "verify: [{{ http: {{ url: \"https://${{app.properties.configuration.ingress.fqdn}}/{path}\" }} }}]\n"
        )
    };
    says(&http(&format!("${{if(starts_with({VALUE}, 'a'), 'x', 'y')}}")), Some(SECRET));
    says(&http("${inputs.domain}"), None);
}

#[test]
fn a_name_is_the_callers_or_azures() {
    for (name, code) in [
        ("www.contoso.example", None),
        ("${inputs.domain}", None),
        ("_dmarc.${inputs.domain}", None),
        ("asuid.${inputs.usual}", None),
        ("${app.properties.configuration.ingress.fqdn}", None),
        ("${app.properties.configuration.ingress.customDomains[0].name}", None),
        ("${environment.properties.defaultDomain}", None),
        ("${variables.direct}", None),
        ("${inputs.domain}.x.example", Some(NAME)),
        ("${inputs.domain}${inputs.usual}", Some(NAME)),
        ("${join('.', [inputs.domain, 'x.example'])}", Some(NAME)),
        ("${app.name}", Some(NAME)),
        ("x.${target.subscription}", Some(NAME)),
        ("${join('.', [target.subscription, 'x.example'])}", Some(NAME)),
        ("${app.tags.fqdn}", Some(NAME)),
        ("${variables.made}", Some(NAME)),
        ("${inputs.who}", Some(NAME)),
        ("${if(starts_with(app.name, 'a'), 'a.example', 'b.example')}", Some(NAME)),
    ] {
        for body in everywhere("", "", name) {
            let variables = "variables: { direct: \"${inputs.domain}\", made: \"${app.name}.x.example\" }\n";
            says(&(body + variables), code);
        }
    }
}

#[test]
fn which_of_the_recipes_own_names_is_asked_for_is_the_callers_to_say() {
    for (name, when, each, code) in [
        ("a.x.example", "starts_with(target.subscription, '0')", "", Some(NAME)),
        ("${inputs.usual}", "app.properties.configuration.ingress.external", "", Some(NAME)),
        ("${each.value}", "starts_with(app.name, each.value)", "['a', 'b']", Some(NAME)),
        ("a.x.example", "r", "", Some(NAME)),
        ("a.x.example", "inputs.flag", "", None),
        ("${each.value}", "inputs.flag && each.value != 'a.example'", "['a.example', 'b.example']", None),
        ("${inputs.domain}", "app.properties.configuration.ingress.external", "", None),
    ] {
        for body in everywhere(when, each, name) {
            let lookup = "r: { type: Microsoft.App/containerApps, name: x, optional: true }";
            let body = match body.strip_prefix("existing: { ") {
                Some(rest) => format!("existing: {{ {lookup}, {rest}"),
                None => format!("existing: {{ {lookup} }}\n{body}"),
            };
            says(&body, code);
        }
    }
}

/// What a recipe sets in one that asks counts as if it asked itself.
#[test]
fn nor_is_it_told_through_a_recipe_that_asks() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, body: &str| {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
        let file = folder.path().join(name).join("recipe.yaml");
        std::fs::write(&file, HEAD.replace("mine", name) + body).unwrap();
        file
    };
    let asks = "inputs: { domain: { description: D. }, other: { description: D. }, key: { secret: true, description: D. } }\nprerequisites: [{ dns: { name: \"${inputs.domain}\", type: A, expect: \"${inputs.other || it.records}\" }, otherwise: o }]\n";
    let between = "inputs: { host: { description: D. } }\nrequires: [{ recipe: asks, with: { domain: \"${inputs.host}\" } }]\n";
    for (requires, code) in [
        ("recipe: asks, with: { domain: \"${inputs.own}\" }".to_owned(), None),
        ("recipe: asks, with: { other: \"${app.name}-x\" }".to_owned(), None),
        ("recipe: asks, with: { key: \"${inputs.secret}\" }".to_owned(), None),
        ("recipe: asks, with: { domain: \"${target.subscription}.x.example\" }".to_owned(), Some(NAME)),
        ("recipe: between, with: { host: \"${target.subscription}.x.example\" }".to_owned(), Some(NAME)),
        ("recipe: asks, when: \"${starts_with(target.subscription, 'a')}\"".to_owned(), Some(NAME)),
        (format!("recipe: asks, when: \"${{starts_with({VALUE}, 'a')}}\""), Some(SECRET)),
        (
            format!(
                "recipe: between, with: {{ host: \"${{if(starts_with({VALUE}, 'a'), 'a.example', 'b.example')}}\" }}"
            ),
            Some(SECRET),
        ),
        (format!("recipe: asks, with: {{ other: \"${{starts_with({VALUE}, 'a')}}\" }}"), Some(SECRET)),
    ] {
        let files = [
            write("asks", asks),
            write("between", between),
            write(
                "mine",
                &format!(
                    "inputs: {{ own: {{ description: D. }}, secret: {{ secret: true, description: D. }} }}\nrequires: [{{ {requires} }}]\n"
                ),
            ),
        ];
        let found = brief(&lint(&files, &BUILT_IN));
        let found: Vec<_> =
            found.iter().filter(|told| told.starts_with("secret-") || told.starts_with(NAME)).collect();
        match code {
            Some(code) => assert!(found.iter().any(|told| told.starts_with(code)), "{requires}: {found:?}"),
            None => assert!(found.is_empty(), "{requires}: {found:?}"),
        }
    }
}
