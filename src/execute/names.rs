//! What the domain name system is asked.

use super::{Event, Executor};
use crate::azure::dns::RecordType;
use crate::facts::{CLIMB, Fact, RECORD_TYPE, Read};
use crate::value::Value;

impl Executor {
    /// One question. That there is no answer is a fact too.
    pub(super) async fn looked_up(&self, read: &Read) -> Fact {
        let Some(kind) = RecordType::of(read.parameter(RECORD_TYPE)) else {
            return Fact::Absent { code: String::new() };
        };
        let climb = !read.parameter(CLIMB).is_empty();
        let found = self.client.look_up(&read.path, kind, climb, self.deadline).await;
        self.observer.event(&Event::LookedUp {
            name: read.path.clone(),
            kind: kind.name().to_owned(),
            answer: found.to_string(),
        });
        match serde_json::to_value(&found) {
            Ok(json) => Fact::Found(Value::from(json)),
            Err(error) => Fact::Failed { message: error.to_string(), code: None, correlation_id: None },
        }
    }
}
