//! The type of resource that was probably meant by an ARN that no action takes, and an example of its ARNs.

/// How far a written ARN is from a type of resource: by what differs, then by the length of the type's form, so that
/// the plainest of several equal types is the nearest.
pub(crate) type Distance = (i32, usize);

/// The distance of a written ARN, which may be only a name or empty, from a type of resource.
pub(super) fn distance(on: &str, written: &str) -> Distance {
    let ([_, _, service, region, account, name], theirs) = (parts(on), parts(written));
    let mut far = 0;
    if !theirs[2].is_empty() {
        let other = |part: &str, their: &str| i32::from(part.is_empty() != their.is_empty());
        far += if service == theirs[2] { 0 } else { 4 };
        far += other(region, theirs[3]) + other(account, theirs[4]);
    }
    let segments = segments(theirs[5]);
    // A word of the form that is written is a better sign than one that is only not missing.
    far += words(name).iter().map(|word| if segments.contains(word) { -1 } else { 2 }).sum::<i32>();
    (far, on.len())
}

/// An example of an ARN of this type, with `{partition}`, `{region}` and `{account}`, and with the names of the written
/// one if they fit.
pub(super) fn example(on: &str, written: &str) -> String {
    let ([_, _, service, region, account, name], theirs) = (parts(on), parts(written));
    let is_same = service == theirs[2];
    let part = |ours: &str, theirs: &str, placeholder: &str| match (ours, theirs) {
        ("*", theirs) if is_same && !theirs.is_empty() => theirs.to_owned(),
        ("*", _) => placeholder.to_owned(),
        (ours, _) => ours.to_owned(),
    };
    let (words, segments) = (words(name), segments(theirs[5]));
    let fits = (is_same || theirs[2].is_empty())
        && !theirs[5].contains(['$', '{'])
        && words.iter().all(|word| segments.contains(word));
    let names = segments.into_iter().filter(|segment| fits && !words.contains(segment));
    format!(
        "arn:{{partition}}:{service}:{}:{}:{}",
        part(region, theirs[3], "{region}"),
        part(account, theirs[4], "{account}"),
        filled(name, names.collect())
    )
}

/// The form of a name with these names in place of its wildcards. A last wildcard after others stays if there is no
/// name for it.
fn filled(form: &str, names: Vec<&str>) -> String {
    let wildcards = form.matches(is_wildcard).count();
    let (mut names, mut seen, mut text) = (names.into_iter(), 0, String::new());
    for c in form.chars() {
        if !is_wildcard(c) {
            text.push(c);
            continue;
        }
        seen += 1;
        let is_last = seen == wildcards && seen > 1;
        text.push_str(names.next().unwrap_or(if is_last { "*" } else { "NAME" }));
    }
    text
}

/// The six parts of an ARN. A name alone is the last one, and all are empty if the text is neither.
fn parts(text: &str) -> [&str; 6] {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match <[&str; 6]>::try_from(parts.as_slice()) {
        Ok(parts) => parts,
        Err(_) if parts.len() == 1 => ["", "", "", "", "", text],
        Err(_) => [""; 6],
    }
}

/// The parts of a written name.
fn segments(name: &str) -> Vec<&str> {
    name.split(['/', ':']).filter(|segment| !segment.is_empty()).collect()
}

/// The fixed words in the form of a name, as in `accesspoint`.
fn words(form: &str) -> Vec<&str> {
    form.split(['/', ':', '*', '%']).filter(|word| !word.is_empty()).collect()
}

fn is_wildcard(c: char) -> bool {
    c == '*' || c == '%'
}

#[cfg(test)]
mod tests {
    use crate::authorization::Service;

    #[test]
    fn an_example_is_of_the_type_that_was_probably_meant() {
        for (action, written, expected) in [
            ("s3:GetObject", "arn:aws:s3:::photos", "arn:{partition}:s3:::photos/*"),
            ("s3:GetObject", "photos", "arn:{partition}:s3:::photos/*"),
            ("s3:GetObject", "", "arn:{partition}:s3:::NAME/*"),
            ("s3:GetObject", "arn:aws:s3:{region}:{account}:photos/a", "arn:{partition}:s3:::photos/a"),
            (
                "s3:GetObject",
                "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine",
                "arn:{partition}:s3:eu-west-1:123456789012:accesspoint/NAME/object/*",
            ),
            ("s3:ListBucket", "arn:aws:s3:::photos/*", "arn:{partition}:s3:::photos"),
            ("s3:ListBucket", "arn:aws:s3:::photos/${aws:username}", "arn:{partition}:s3:::NAME"),
            ("s3:ListBucket", "", "arn:{partition}:s3:::NAME"),
            (
                "kms:Decrypt",
                "arn:aws:kms:eu-west-1:{account}:alias/notes",
                "arn:{partition}:kms:eu-west-1:{account}:key/NAME",
            ),
            ("kms:Decrypt", "alias/notes", "arn:{partition}:kms:{region}:{account}:key/NAME"),
            ("dynamodb:Query", "", "arn:{partition}:dynamodb:{region}:{account}:table/NAME"),
            (
                "dynamodb:Query",
                "arn:aws:dynamodb:{region}:{account}:notes/index/a",
                "arn:{partition}:dynamodb:{region}:{account}:table/NAME/index/*",
            ),
            (
                "dynamodb:GetItem",
                "arn:aws:sqs:eu-west-1:1:work",
                "arn:{partition}:dynamodb:{region}:{account}:table/NAME",
            ),
            ("ses:SendEmail", "", "arn:{partition}:ses:{region}:{account}:identity/NAME"),
            ("sqs:SendMessage", "work", "arn:{partition}:sqs:{region}:{account}:work"),
        ] {
            let (prefix, name) = action.split_once(':').expect("an action");
            let service = Service::of(prefix).expect("a service");
            let action = service.actions(name).first().copied().cloned().expect("an action");
            let (_, example) = action.example(written).expect("a type");
            assert_eq!(example, expected, "{prefix}:{name} on {written:?}");
            assert!(action.takes(&example.replace("{partition}", "aws")), "{example}");
        }
        assert!(Service::of("s3").expect("s3").actions("ListAllMyBuckets")[0].example("").is_none());
    }
}
