//! Scopes of rights that a type keeps itself: a resource's id, and what stands below it in the resource's own
//! words (`/dbs/DB/colls/C` of Cosmos DB).

/// Segments of the id of a resource in a group: what Azure compares without regard to case.
const OF_THE_ID: usize = 8;

/// Whether a right at `have` holds for `want`: the same scope, or one that `want` lies in, segment by segment.
/// One that does not begin with a subscription is relative to the resource, `/` being all of it.
pub(super) fn covers(have: &str, want: &str) -> bool {
    let (have, want) = (folded(have), folded(want));
    let (have, mut want) = (segments(&have), segments(&want));
    let is_absolute = |scope: &[&str]| scope.first() == Some(&"subscriptions");
    if is_absolute(&want) && !is_absolute(&have) {
        want.drain(..OF_THE_ID.min(want.len()));
    }
    want.starts_with(&have)
}

/// The spelling that all spellings of one scope share.
pub(super) fn folded(scope: &str) -> String {
    let id = segments(scope).first().is_some_and(|first| first.eq_ignore_ascii_case("subscriptions"));
    let fold = |(index, segment): (usize, &&str)| {
        if id && index < OF_THE_ID { segment.to_ascii_lowercase() } else { (*segment).to_owned() }
    };
    let folded: Vec<String> = segments(scope).iter().enumerate().map(fold).collect();
    format!("/{}", folded.join("/"))
}

fn segments(scope: &str) -> Vec<&str> {
    scope.split('/').filter(|segment| !segment.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str =
        "/subscriptions/S/resourceGroups/rg/providers/Microsoft.DocumentDB/databaseAccounts/acct";

    #[test]
    fn a_wider_scope_covers_and_names_below_the_id_keep_their_case() {
        let of = |rest: &str| format!("{ACCOUNT}{rest}");
        let container = of("/dbs/App/colls/Items");
        for wider in ["", "/", "/dbs/App", "/dbs/App/", "/dbs/App/colls/Items"] {
            assert!(covers(&of(wider), &container), "{wider}");
            assert!(covers(&of(wider).replace(ACCOUNT, &ACCOUNT.to_uppercase()), &container), "{wider}");
        }
        for other in ["/dbs/app", "/dbs/Ap", "/dbs/App/colls/items", "/dbs/App/colls/Items/more", "2"] {
            assert!(!covers(&of(other), &container), "{other}");
        }
        assert!(!covers(&container, &of("/dbs/App")), "a narrower scope is not enough");
        assert!(!covers(&of("/dbs/App/colls/It"), &container), "a name that begins alike is another");
    }

    #[test]
    fn a_scope_that_is_relative_is_of_the_account() {
        let database = format!("{ACCOUNT}/dbs/App");
        assert!(covers("/", &database) && covers("/dbs/App", &database));
        assert!(!covers("/dbs/Other", &database));
        assert!(!covers(&database, "/"), "relative to what is not known");
    }
}
