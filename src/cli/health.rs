//! The catalogue's baseline: the app by the query that its pages use.

use serde_json::Value as Json;

use crate::expression::Expression;
use crate::plan::Plan;
use crate::value::Redacted;

/// The catalogue's verification query, in JMESPath as az users know it.
const QUERY: &str =
    "{name:name,provisioningState:properties.provisioningState,runningStatus:properties.runningStatus}";

/// The app as the query shows it; `None` when the app could not be read.
pub(super) fn by_query(plan: &Plan) -> Option<Json> {
    if plan.app.is_null() || plan.app.is_unknown() {
        return None;
    }
    let query = Expression::query(QUERY).ok()?;
    let value = query.evaluate_on(&plan.app).ok()?;
    Some(Redacted(&value).to_json())
}
