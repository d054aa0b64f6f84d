//! The refusals of AWS Certificate Manager that the program tells apart.

use crate::aws::refusals::refusals;
use crate::engine::Refusal;

refusals! {
    /// There is no such certificate.
    NO_CERTIFICATE: Absent = Refusal::new(&["acm"], &["ResourceNotFoundException"]);
}
