//! Which changes go together, and in which order: the fewest writes that respect every edge.
//!
//! For a resource R each change gets an index: the longest chain before it, counting one for every
//! time the chain leaves R (a write of something else must then happen between). Changes of equal
//! index go in one write, so the number of writes is the greatest index + 1. Each index is then
//! raised as far as its successors allow, so that what costs a revision comes last and once.
//!
//! What waits for somebody else (a certificate authority, a resolver) is told from the rest before that: by how
//! many such waits stand before a change it is *late*, and changes of different lateness share no write. So a
//! certificate that takes twenty minutes holds up nobody's template. A change that is itself taken only once somebody
//! else saw something (a host name, whose proof Azure looks up) is late from the start.

use std::collections::BTreeMap;

/// A change to be scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The key of the step run it comes from.
    pub key: String,
    /// The resource it changes (any text that is equal for equal resources).
    pub resource: String,
    /// Whether somebody else has to see or do something before what comes after it can go.
    pub by_others: bool,
    /// Whether it goes itself only once somebody else saw or did something, whatever stands before it.
    pub waits: bool,
}

/// Changes that go in one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The resource.
    pub resource: String,
    /// Positions of the nodes, in their order.
    pub nodes: Vec<usize>,
    /// Positions of the groups that must be finished before.
    pub after: Vec<usize>,
}

/// A chain of changes that comes back to its start, by position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the steps wait for each other")]
pub struct Cycle(pub Vec<usize>);

/// Groups `nodes` into writes, in an order that can be executed. `edges` are pairs (before, after)
/// of positions; an edge between two changes of one resource only orders them within a write.
///
/// # Errors
/// The edges have a cycle.
pub fn schedule(nodes: &[Node], edges: &[(usize, usize)]) -> Result<Vec<Group>, Cycle> {
    let order = topological(nodes.len(), edges)?;
    let late = lateness(nodes, edges, &order);
    let mut edges = edges.to_vec();
    for a in 0..nodes.len() {
        // Those that wait less go first, even where nothing says so: they must not end up behind the others.
        let behind = |b: &usize| nodes[a].resource == nodes[*b].resource && late[a] < late[*b];
        edges.extend((0..nodes.len()).filter(behind).map(|b| (a, b)));
    }
    let edges = &edges;
    let order = topological(nodes.len(), edges)?;
    // Resources with most changes first: grouping two resources independently could make a cycle, so
    // each is contracted before the next is looked at.
    let mut resources: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    for (node, late) in nodes.iter().zip(&late) {
        *resources.entry((&node.resource, *late)).or_default() += 1;
    }
    let mut by_size: Vec<((&str, usize), usize)> = resources.into_iter().collect();
    by_size.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));

    let mut group_of: Vec<usize> = (0..nodes.len()).collect();
    for ((resource, when), count) in by_size {
        if count > 1 {
            let ours = |node: usize| nodes[node].resource == resource && late[node] == when;
            contract(nodes.len(), edges, &order, &ours, &mut group_of)?;
        }
    }
    assemble(nodes, edges, &group_of)
}

/// How many waits for somebody else stand before each node, on the way with most of them.
fn lateness(nodes: &[Node], edges: &[(usize, usize)], order: &[usize]) -> Vec<usize> {
    let mut late = vec![0; nodes.len()];
    for node in order {
        late[*node] = usize::from(nodes[*node].waits);
        for (from, to) in edges.iter().filter(|(_, to)| to == node) {
            late[*to] = late[*to].max(late[*from] + usize::from(nodes[*from].by_others));
        }
    }
    late
}

/// Gives the changes that are `ours`, of one resource and equally late, their groups; `group_of` holds the smallest node of each group.
fn contract(
    count: usize,
    edges: &[(usize, usize)],
    order: &[usize],
    ours: &dyn Fn(usize) -> bool,
    group_of: &mut [usize],
) -> Result<(), Cycle> {
    let leaves = |from: usize, to: usize| usize::from(ours(from) && !ours(to));
    // Edges between groups made so far hold for every node in them.
    let mut all: Vec<(usize, usize)> = edges.to_vec();
    for a in 0..count {
        for b in 0..count {
            if a != b && group_of[a] == group_of[b] && !ours(a) {
                for (from, to) in edges {
                    if *to == a && group_of[*from] != group_of[b] {
                        all.push((*from, b));
                    }
                    if *from == a && group_of[*to] != group_of[b] {
                        all.push((b, *to));
                    }
                }
            }
        }
    }
    let order = if all.len() == edges.len() { order.to_vec() } else { topological(count, &all)? };

    let mut earliest = vec![0; count];
    for node in &order {
        for (from, to) in all.iter().filter(|(_, to)| to == node) {
            earliest[*to] = earliest[*to].max(earliest[*from] + leaves(*from, *to));
        }
    }
    let last = (0..count).filter(|node| ours(*node)).map(|node| earliest[node]).max().unwrap_or(0);
    // How many more writes of R must follow, by the longest way out of and back into R.
    let mut remaining = vec![None::<usize>; count];
    for node in order.iter().rev() {
        let after = all
            .iter()
            .filter(|(from, _)| from == node)
            .filter_map(|(from, to)| remaining[*to].map(|rest| rest + leaves(*from, *to)));
        let longest = after.max();
        remaining[*node] = if ours(*node) { Some(longest.unwrap_or(0)) } else { longest };
    }
    let index: Vec<usize> = (0..count).map(|node| last - remaining[node].unwrap_or(0).min(last)).collect();
    for node in (0..count).filter(|node| ours(*node)) {
        let first = (0..count).find(|other| ours(*other) && index[*other] == index[node]);
        group_of[node] = first.unwrap_or(node);
    }
    Ok(())
}

fn assemble(nodes: &[Node], edges: &[(usize, usize)], group_of: &[usize]) -> Result<Vec<Group>, Cycle> {
    let mut heads: Vec<usize> = group_of.to_vec();
    heads.sort_unstable();
    heads.dedup();
    let position = |node: usize| heads.iter().position(|head| *head == group_of[node]).unwrap_or(0);
    let mut between: Vec<(usize, usize)> = edges
        .iter()
        .map(|(from, to)| (position(*from), position(*to)))
        .filter(|(from, to)| from != to)
        .collect();
    between.sort_unstable();
    between.dedup();
    let order = topological(heads.len(), &between)?;
    let place = |group: usize| order.iter().position(|other| *other == group).unwrap_or(0);
    let mut groups: Vec<Group> = order
        .iter()
        .map(|group| {
            let members: Vec<usize> = (0..nodes.len()).filter(|node| position(*node) == *group).collect();
            let mut after: Vec<usize> =
                between.iter().filter(|(_, to)| to == group).map(|(from, _)| place(*from)).collect();
            after.sort_unstable();
            after.dedup();
            Group { resource: nodes[heads[*group]].resource.clone(), nodes: members, after }
        })
        .collect();
    // Writes of one resource follow each other even where no edge says so.
    for later in 0..groups.len() {
        let earlier = (0..later).rfind(|earlier| groups[*earlier].resource == groups[later].resource);
        if let Some(earlier) = earlier
            && !groups[later].after.contains(&earlier)
        {
            groups[later].after.push(earlier);
        }
    }
    Ok(groups)
}

/// An order in which every edge points forward; ties keep the given order.
fn topological(count: usize, edges: &[(usize, usize)]) -> Result<Vec<usize>, Cycle> {
    let mut done = vec![false; count];
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        let next = (0..count).find(|node| {
            !done[*node] && edges.iter().all(|(from, to)| to != node || done[*from] || from == to)
        });
        match next {
            Some(node) => {
                done[node] = true;
                order.push(node);
            }
            None => return Err(Cycle((0..count).filter(|node| !done[*node]).collect())),
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(list: &[(&str, &str)]) -> Vec<Node> {
        list.iter()
            .map(|(key, resource)| Node {
                key: (*key).to_owned(),
                resource: (*resource).to_owned(),
                by_others: matches!(*resource, "certificate" | "records"),
                waits: *key == "host name",
            })
            .collect()
    }

    fn writes(groups: &[Group], nodes: &[Node], resource: &str) -> Vec<Vec<String>> {
        groups
            .iter()
            .filter(|group| group.resource == resource)
            .map(|group| group.nodes.iter().map(|node| nodes[*node].key.clone()).collect())
            .collect()
    }

    #[test]
    fn a_system_identity_whose_principal_is_needed_costs_two_writes() {
        let nodes = nodes(&[("system", "app"), ("grant", "role"), ("reference", "app"), ("tags", "app")]);
        let groups = schedule(&nodes, &[(0, 1), (1, 2)]).unwrap();
        assert_eq!(writes(&groups, &nodes, "app"), [vec!["system"], vec!["reference", "tags"]]);
    }

    #[test]
    fn without_an_outside_reader_everything_goes_together() {
        let nodes = nodes(&[("identity", "id"), ("grant", "role"), ("user", "app"), ("reference", "app")]);
        let groups = schedule(&nodes, &[(0, 1), (0, 2), (1, 3)]).unwrap();
        assert_eq!(writes(&groups, &nodes, "app"), [vec!["user", "reference"]]);
        assert_eq!(groups.last().unwrap().after, [0, 1]);
    }

    /// What eight recipes want of one app, with the edges between it; `identity` is the node that makes the
    /// principal known.
    fn eight(identity: &str) -> (Vec<Node>, Vec<(usize, usize)>) {
        const ALL: &[(&str, &str, &[&str])] = &[
            ("system", "app", &[]),
            ("assigned", "app", &["made"]),
            ("made", "identity", &[]),
            ("client id", "app", &[]),
            ("vault role", "role 1", &["IDENTITY"]),
            ("references", "app", &["vault role"]),
            ("pull role", "role 2", &["IDENTITY"]),
            ("registry", "app", &["pull role"]),
            ("image", "app", &["registry"]),
            ("data role", "cosmos", &["IDENTITY"]),
            ("cosmos", "app", &["data role"]),
            ("user", "database", &["IDENTITY"]),
            ("sql", "app", &["user"]),
            ("policy", "redis", &["IDENTITY"]),
            ("redis", "app", &["policy", "IDENTITY"]),
            ("container", "blobs", &[]),
            ("blob role", "role 3", &["IDENTITY", "container"]),
            ("storage", "app", &["blob role"]),
            ("share", "files", &[]),
            ("registration", "environment storage", &["share"]),
            ("mount", "app", &["registration"]),
        ];
        let left_out = if identity == "system" { ["assigned", "made"] } else { ["system", ""] };
        let all: Vec<_> = ALL.iter().filter(|(key, ..)| !left_out.contains(key)).collect();
        let at = |wanted: &str| {
            let wanted = if wanted == "IDENTITY" { identity } else { wanted };
            all.iter().position(|(key, ..)| *key == wanted).unwrap()
        };
        let edges = all.iter().flat_map(|(key, _, after)| after.iter().map(|before| (at(before), at(key))));
        let edges = edges.collect();
        (nodes(&all.iter().map(|(key, resource, _)| (*key, *resource)).collect::<Vec<_>>()), edges)
    }

    #[test]
    fn eight_recipes_cost_one_identity_and_one_template_write() {
        let (nodes, edges) = eight("system");
        let groups = schedule(&nodes, &edges).unwrap();
        let app = writes(&groups, &nodes, "app");
        assert_eq!(app.len(), 2, "{app:?}");
        assert_eq!(app[0], ["system"]);
        assert_eq!(app[1].len(), 9, "{app:?}");
        // Every other thing is written once, and the app last.
        assert_eq!(groups.len(), 2 + nodes.iter().filter(|node| node.resource != "app").count());
        assert_eq!(groups.last().unwrap().resource, "app");
    }

    #[test]
    fn eight_recipes_with_an_identity_of_its_own_cost_one_write_of_the_app() {
        let (nodes, edges) = eight("made");
        let groups = schedule(&nodes, &edges).unwrap();
        assert_eq!(writes(&groups, &nodes, "app").len(), 1);
        assert_eq!(groups.last().unwrap().resource, "app");
    }

    /// What no recipe waits for may be done in any order that is asked for: the writes stay as few.
    #[test]
    fn the_order_of_the_changes_means_nothing_to_their_number() {
        for identity in ["system", "made"] {
            let (nodes, edges) = eight(identity);
            let last = nodes.len() - 1;
            let turned: Vec<Node> = nodes.iter().rev().cloned().collect();
            let edges: Vec<(usize, usize)> =
                edges.iter().map(|(from, to)| (last - from, last - to)).collect();
            let groups = schedule(&turned, &edges).unwrap();
            let app = writes(&groups, &turned, "app").len();
            assert_eq!(app, if identity == "system" { 2 } else { 1 });
        }
    }

    /// The stages of a custom domain, beside a template that nothing of it concerns.
    #[test]
    fn what_waits_for_a_certificate_holds_up_no_template() {
        let nodes = nodes(&[
            ("system", "app"),
            ("grant", "role"),
            ("template", "app"),
            ("host name", "app"),
            ("order", "certificate"),
            ("bind", "app"),
        ]);
        let edges = [(0, 1), (1, 2), (3, 4), (4, 5)];
        let groups = schedule(&nodes, &edges).unwrap();
        let app = writes(&groups, &nodes, "app");
        // Azure may not see the proof of the host name yet: that holds up no template either.
        assert_eq!(app, [vec!["system"], vec!["template"], vec!["host name"], vec!["bind"]]);
        // The template's write comes before the certificate's, not after it.
        let at = |key: &str| {
            groups.iter().position(|group| group.nodes.iter().any(|node| nodes[*node].key == key)).unwrap()
        };
        assert!(groups[at("host name")].after.contains(&at("template")));
        assert!(groups[at("order")].after.contains(&at("host name")));
        assert!(!groups[at("template")].after.contains(&at("order")));
        assert!(groups[at("bind")].after.contains(&at("order")));
    }

    #[test]
    fn records_that_resolvers_have_to_see_hold_up_no_template_either() {
        let nodes = nodes(&[
            ("bind", "app"),
            ("order", "certificate"),
            ("host name", "app"),
            ("proof", "records"),
            ("template", "app"),
        ]);
        let groups = schedule(&nodes, &[(3, 2), (2, 1), (1, 0)]).unwrap();
        assert_eq!(writes(&groups, &nodes, "app"), [vec!["template"], vec!["host name"], vec!["bind"]]);
        // Nothing is before the template, whatever the certificate does.
        let template = groups.iter().find(|group| group.nodes == [4]).unwrap();
        assert!(template.after.is_empty(), "{groups:?}");
    }

    #[test]
    fn with_the_host_name_there_the_certificate_still_holds_up_nothing() {
        let nodes =
            nodes(&[("order", "certificate"), ("bind", "app"), ("grant", "role"), ("template", "app")]);
        let groups = schedule(&nodes, &[(0, 1), (2, 3)]).unwrap();
        assert_eq!(writes(&groups, &nodes, "app"), [vec!["template"], vec!["bind"]]);
    }

    #[test]
    fn an_edge_within_a_resource_only_orders() {
        let nodes = nodes(&[("b", "app"), ("a", "app")]);
        let groups = schedule(&nodes, &[(1, 0)]).unwrap();
        assert_eq!(groups.len(), 1);
    }

    #[test]
    fn a_cycle_is_named() {
        let nodes = nodes(&[("a", "app"), ("b", "role"), ("free", "x")]);
        assert_eq!(schedule(&nodes, &[(0, 1), (1, 0)]), Err(Cycle(vec![0, 1])));
    }
}
