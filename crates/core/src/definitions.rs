//! Definitions: what is deployed, as the control store keeps it.
//!
//! A view that is changed is a new definition, and the one that it supersedes serves on until the
//! new one is complete. So the store keeps the SQL of what is deployed, and of what is superseded
//! and still serves: enough to compile both, whatever the project's files say by then. The JSON form
//! is part of the stored format: what an older program wrote stays readable.
//!
//! ```text
//! current ──> superseded ──> retired ──> removed ──> forgotten
//!         another definition  │ the new one is   │ its data   │ with the next deployment
//!         is deployed         │ complete         │ are gone   │
//! ```

use crate::view::Fingerprint;
use serde::{Deserialize, Serialize};

/// The definitions of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Definitions {
    /// Counts up from 1: which replacement this is.
    pub revision: u64,
    /// The SQL that definitions refer to, each text once.
    pub texts: Vec<String>,
    /// The definitions.
    pub views: Vec<Definition>,
    /// When this revision was put, in milliseconds since the Unix epoch, where whoever put it cares:
    /// who began before may still go by the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_ms: Option<i64>,
}

/// One definition of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The view's name.
    pub view: String,
    /// The definition's hash.
    pub fingerprint: Fingerprint,
    /// The view that counts records by its schema's acceptance; for that view its own hash.
    pub records: Fingerprint,
    /// Its place in life.
    pub state: State,
    /// Which text its schema is; gone with its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<usize>,
    /// Which text defines it, perhaps among other views; the built-in view has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<usize>,
}

/// A definition's place in life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is the project's.
    Current,
    /// It serves on: absorbed, built and asked until what supersedes it is complete.
    Superseded,
    /// Nobody absorbs, builds or asks it any more; who began to read it before may finish.
    Retired,
    /// Its data are gone but for what a writer that lagged behind may have put since.
    Removed,
}

impl Definitions {
    /// The definitions in a state.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = &Definition> {
        self.views.iter().filter(move |definition| definition.state == state)
    }

    /// The state of a definition, if it is known.
    pub fn state(&self, fingerprint: Fingerprint) -> Option<State> {
        let found = self.views.iter().find(|definition| definition.fingerprint == fingerprint);
        found.map(|definition| definition.state)
    }

    /// The text that a definition refers to.
    pub(crate) fn text(&self, at: Option<usize>) -> Option<&str> {
        self.texts.get(at?).map(String::as_str)
    }

    /// Adds a definition. Of what has been retired no text is kept.
    pub(crate) fn push(
        &mut self,
        definition: Definition,
        schema: Option<&str>,
        source: Option<&str>,
    ) {
        let keeps = matches!(definition.state, State::Current | State::Superseded);
        let schema = schema.filter(|_| keeps).map(|text| self.intern(text));
        let source = source.filter(|_| keeps).map(|text| self.intern(text));
        self.views.push(Definition { schema, source, ..definition });
    }

    fn intern(&mut self, text: &str) -> usize {
        self.texts.iter().position(|known| known == text).unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        })
    }

    /// The next revision, in which every definition has the state that `state` gives it.
    pub(crate) fn with_states(&self, state: impl Fn(&Definition) -> State) -> Definitions {
        let mut next = Definitions { revision: self.revision + 1, ..Definitions::default() };
        for definition in &self.views {
            let (schema, source) = (self.text(definition.schema), self.text(definition.source));
            let moved = Definition { state: state(definition), ..definition.clone() };
            next.push(moved, schema, source);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the first release; must be readable for ever.
    const FROZEN: &str = r#"{"revision":3,"texts":["CREATE TABLE e","CREATE MATERIALIZED VIEW v"],"views":[{"view":"v","fingerprint":"01010101010101010101010101010101","records":"09090909090909090909090909090909","state":"current","schema":0,"source":1},{"view":"anabranch_records","fingerprint":"09090909090909090909090909090909","records":"09090909090909090909090909090909","state":"superseded","schema":0},{"view":"w","fingerprint":"02020202020202020202020202020202","records":"09090909090909090909090909090909","state":"retired"},{"view":"x","fingerprint":"03030303030303030303030303030303","records":"09090909090909090909090909090909","state":"removed"}]}"#;

    fn definition(view: &str, hash: u8, state: State) -> Definition {
        let (fingerprint, records) = (Fingerprint([hash; 16]), Fingerprint([9; 16]));
        Definition {
            view: view.to_owned(),
            fingerprint,
            records,
            state,
            schema: None,
            source: None,
        }
    }

    fn definitions() -> Definitions {
        let mut definitions = Definitions { revision: 3, ..Definitions::default() };
        let (schema, source) = (Some("CREATE TABLE e"), Some("CREATE MATERIALIZED VIEW v"));
        definitions.push(definition("v", 1, State::Current), schema, source);
        definitions.push(definition("anabranch_records", 9, State::Superseded), schema, None);
        definitions.push(definition("w", 2, State::Retired), schema, source);
        definitions.push(definition("x", 3, State::Removed), None, None);
        definitions
    }

    #[test]
    fn the_stored_form_stays_readable() {
        assert_eq!(serde_json::from_str::<Definitions>(FROZEN).unwrap(), definitions());
        assert_eq!(serde_json::to_string(&definitions()).unwrap(), FROZEN);
    }

    #[test]
    fn texts_go_with_the_last_definition_that_refers_to_them() {
        let next = definitions().with_states(|definition| match definition.view.as_str() {
            "v" => State::Retired,
            _ => definition.state,
        });
        assert_eq!((next.revision, next.texts.as_slice()), (4, &["CREATE TABLE e".to_owned()][..]));
        assert_eq!(next.state(Fingerprint([1; 16])), Some(State::Retired));
        assert_eq!(next.views[1].schema, Some(0));
    }
}
