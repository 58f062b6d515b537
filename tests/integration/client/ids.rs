//! Resource ids hold together for any names.

use std::collections::HashSet;

use acarecipe::azure::ResourceId;
use proptest::prelude::*;

/// Names as Azure allows them, and the words of the grammar themselves.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[A-Za-z0-9][A-Za-z0-9._@*()-]{0,12}",
        1 => Just("providers".to_owned()),
        1 => Just("resourceGroups".to_owned()),
        1 => Just("subscriptions".to_owned()),
    ]
    .prop_filter("no dot segment", |name| name != "." && name != "..")
}

proptest! {
    #[test]
    fn what_is_built_is_parsed_back(
        subscription in name(), group in name(), top in name(),
        children in prop::collection::vec(name(), 0..3), extension in prop::option::of(name()),
    ) {
        let scope = ResourceId::group(&subscription, &group);
        let mut id = scope.provider("Microsoft.App/containerApps", &top);
        let mut kind = "Microsoft.App/containerApps".to_owned();
        for child in &children {
            let parent = id.clone();
            id = id.child("revisions", child);
            kind.push_str("/revisions");
            prop_assert_eq!(id.parent(), Some(parent));
        }
        if let Some(extension) = &extension {
            let parent = id.clone();
            id = id.provider("Microsoft.Authorization/locks", extension);
            "Microsoft.Authorization/locks".clone_into(&mut kind);
            prop_assert_eq!(id.parent(), Some(parent));
        }
        let parsed = ResourceId::parse(id.as_str()).expect("a built id");
        prop_assert_eq!(&parsed, &id);
        prop_assert_eq!(parsed.subscription(), Some(subscription.as_str()));
        prop_assert_eq!(parsed.resource_group(), Some(group.as_str()));
        prop_assert_eq!(parsed.resource_type(), kind);
        prop_assert_eq!(parsed.name(), extension.as_deref().unwrap_or(children.last().unwrap_or(&top)));
        prop_assert!(parsed.within(&scope) && !scope.within(&parsed));

        let shouted = ResourceId::parse(&id.as_str().to_ascii_uppercase()).expect("the same id in capitals");
        prop_assert_eq!(&shouted, &id);
        prop_assert_eq!(HashSet::from([shouted, id]).len(), 1);

        // Parents lead up to the subscription, each containing what is below it.
        let mut at = parsed;
        let mut steps = 0;
        while let Some(parent) = at.parent() {
            prop_assert!(at.within(&parent) && at != parent);
            prop_assert!(ResourceId::parse(parent.as_str()).is_some());
            at = parent;
            steps += 1;
        }
        prop_assert_eq!(at, ResourceId::subscription_id(&subscription));
        prop_assert_eq!(steps, 2 + children.len() + usize::from(extension.is_some()));
    }

    #[test]
    fn a_neighbour_is_not_within(group in "[a-z]{1,8}", more in "[a-z]{1,4}") {
        let near = ResourceId::group("s", &format!("{group}{more}"));
        prop_assert!(!near.within(&ResourceId::group("s", &group)));
    }

    #[test]
    fn any_text_is_an_id_or_none(text in "(/(providers|subscriptions|resourceGroups|[^/]{0,4})){0,9}/?|.{0,40}") {
        if let Some(id) = ResourceId::parse(&text) {
            prop_assert_eq!(&ResourceId::parse(id.as_str()), &Some(id.clone()));
            prop_assert!(!id.as_str().contains("/../") && !id.as_str().contains("//"));
            prop_assert!(!id.resource_type().is_empty() && !id.name().is_empty());
            let _ = (id.parent(), id.subscription(), id.resource_group());
        }
    }
}
