//! `schema`: prints the JSON schema of the stack file, for editors.

use super::Ending;
use crate::report::answer;
use crate::spec::json_schema;

pub(super) fn run() -> Ending {
    answer(&super::pretty(&json_schema()));
    Ending::Done
}
