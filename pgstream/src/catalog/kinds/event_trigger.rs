//! Event triggers. They are made last, so that they do not see what is done here.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

kind_of_rows!(EventTriggerKind, "event_trigger", "event_trigger.sql", EventTrigger);

#[derive(Debug)]
struct EventTrigger {
    header: ObjectHeader,
    event: String,
    /// The commands that it fires for; `None` for all.
    tags: Option<Vec<String>>,
    /// Rendered, without parentheses.
    function: String,
    /// `O` origin and local, `R` replica, `A` always, `D` disabled.
    state: char,
}

impl EventTrigger {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_EVENT_TRIGGER, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::EventTrigger, "EVENT TRIGGER", Section::PostData, name.as_str());
        header.owner = Some(row.get("owner")?);
        let sql = identifier(&name);
        header.address = Some(Address { keyword: "EVENT TRIGGER", grant_keyword: "EVENT TRIGGER", sql });
        let (event, tags, function) = (row.get("event")?, row.get("tags")?, row.get("function")?);
        Ok(Self { header, event, tags, function, state: row.char("state")? })
    }
}

impl Object for EventTrigger {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE EVENT TRIGGER ").deparsed(self.header.sql_name()).sql(" ON ").ident(&self.event);
        for (i, tag) in self.tags.iter().flatten().enumerate() {
            ddl.sql(if i > 0 { ", " } else { "\n         WHEN TAG IN (" }).literal(tag);
        }
        ddl.sql(if self.tags.as_ref().is_some_and(|tags| !tags.is_empty()) { ")" } else { "" });
        ddl.sql("\n   EXECUTE FUNCTION ").deparsed(&self.function).sql("()").end();
        let state = match self.state {
            'A' => " ENABLE ALWAYS",
            'R' => " ENABLE REPLICA",
            'D' => " DISABLE",
            _ => return,
        };
        ddl.sql("\nALTER EVENT TRIGGER ").deparsed(self.header.sql_name()).sql(state).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP EVENT TRIGGER ").deparsed(self.header.sql_name()).end();
    }
}
