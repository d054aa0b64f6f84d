//! The refusals of CloudWatch that the program tells apart.

use crate::aws::refusals::refusals;
use crate::engine::Refusal;

refusals! {
    /// CloudWatch has no such alarm.
    NO_ALARM: Absent = Refusal::new(&["cloudwatch"], &["ResourceNotFound", "ResourceNotFoundException"]);
}
