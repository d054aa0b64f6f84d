//! `image`: a container image as the code of a function.

use std::collections::BTreeSet;

use super::super::Stack;
use crate::partition::Partition;
use crate::spec::diagnostic::Diagnostic;
use crate::spec::field::{Key, Text};
use crate::spec::reader::{Reader, Table};
use crate::spec::rules::is_account;

const FORM: &str = "as in 123456789012.dkr.ecr.eu-central-1.amazonaws.com/resize@sha256: and 64 digits from 0 to f";

/// An image in a private repository of Amazon ECR.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// With the digest and without a tag, as in
    /// `123456789012.dkr.ecr.eu-central-1.amazonaws.com/resize@sha256:…`.
    pub uri: String,
    /// The account that has the repository.
    pub account: String,
    /// The region that has the repository.
    pub region: String,
    /// The repository's name, as in `team/resize`.
    pub repository: String,
    /// The processor for which it was built: `arm64` or `x86_64`.
    pub architecture: String,
}

impl Image {
    /// The ARN of its repository.
    fn repository_arn(&self) -> String {
        let Self { account, region, repository, .. } = self;
        let partition = Partition::of(region).name;
        format!("arn:{partition}:ecr:{region}:{account}:repository/{repository}")
    }

    /// Reads a URI. The error is a message, and help.
    fn parse(uri: &str) -> Result<Self, (String, String)> {
        let (located, digest) = uri.split_once('@').map_or((uri, None), |(located, digest)| (located, Some(digest)));
        let outside = || {
            let why = "`image` must be in a private repository of Amazon ECR: Lambda takes no other images";
            (why.to_owned(), format!("push it to ECR, and write its URI, {FORM}"))
        };
        let (host, path) = located.split_once('/').ok_or_else(outside)?;
        let (repository, tag) = path.split_once(':').map_or((path, None), |(name, tag)| (name, Some(tag)));
        if host.contains(".dkr.ecr-fips.") {
            let why = "Lambda takes no images from the FIPS endpoints of ECR";
            return Err((why.into(), "write dkr.ecr in place of dkr.ecr-fips".into()));
        }
        let (account, region) = registry(host).filter(|_| is_repository(repository)).ok_or_else(outside)?;
        match (digest, tag) {
            (Some(digest), None) if is_digest(digest) => {}
            (Some(_), Some(tag)) => {
                return Err((format!("`image` has the tag {tag} and a digest"), "leave the tag out".into()));
            }
            (Some(_), None) => {
                return Err(("the digest of `image` is not sha256: and 64 digits from 0 to f".into(), FORM.into()));
            }
            (None, tag) => {
                let tag = tag.unwrap_or("latest");
                let why = "`image` needs a digest: a tag can point to another image tomorrow";
                let command = format!(
                    "aws ecr describe-images --registry-id {account} --region {region} --repository-name {repository} \
                     --image-ids imageTag={tag} --query 'imageDetails[0].imageDigest' --output text"
                );
                return Err((
                    why.into(),
                    format!("write {host}/{repository}@ and the digest that this prints: {command}"),
                ));
            }
        }
        let [uri, account, region, repository] = [uri, account, region, repository].map(str::to_owned);
        Ok(Self { uri, account, region, repository, architecture: String::new() })
    }
}

/// The account and the region of a registry's host.
fn registry(host: &str) -> Option<(&str, &str)> {
    let (account, rest) = host.split_once(".dkr.ecr.")?;
    let (region, suffix) = rest.split_once('.')?;
    let is_region =
        region.contains('-') && region.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    (is_account(account) && is_region && suffix == Partition::of(region).dns_suffix).then_some((account, region))
}

/// Repositories have names of small letters, digits and `._-`, in parts with slashes between them.
fn is_repository(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(is_word)
            && part.ends_with(is_word)
            && part.chars().all(|c| is_word(c) || matches!(c, '.' | '_' | '-'))
    };
    (2..=256).contains(&name.len()) && name.split('/').all(is_part)
}

fn is_digest(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')))
}

/// Reads the image of a function that has one, without its architecture. The keys in `others` are mistakes beside
/// `image`.
pub(super) fn read(reader: &mut Reader, table: &Table, key: &Text, others: &[&Key]) -> Option<Image> {
    table.get(&key.key)?;
    for other in others {
        if let Some(item) = table.get(other) {
            let why = match other.name {
                "source" => "a function has either `source` or `image`".to_owned(),
                "layers" => "`layers` means nothing beside `image`: Lambda adds no layers to an image".to_owned(),
                "bundler" => "`bundler` means nothing beside `image`, which has its code already".to_owned(),
                name => format!("`{name}` means nothing beside `image`: Lambda takes it from the image"),
            };
            reader.diagnostic(&item.span(), why, Some("leave one of the two out".into()));
        }
    }
    let (uri, span) = reader.text(table, key)?;
    let image = Image::parse(&uri);
    if let Err((why, help)) = &image {
        reader.diagnostic(&span, why.clone(), Some(help.clone()));
    }
    // After a mistake we return an empty image, so that no missing `source` is reported.
    Some(image.unwrap_or_default())
}

impl Stack {
    /// The ARNs of the repositories of its functions' images.
    pub fn image_repositories(&self) -> BTreeSet<String> {
        self.functions.values().filter_map(|function| function.image().map(Image::repository_arn)).collect()
    }

    /// Images that are in another region than this one, which Lambda does not take.
    pub fn images_elsewhere(&self, region: &str) -> Vec<Diagnostic> {
        let images = self.functions.iter().filter_map(|(name, function)| Some((name, function.image()?)));
        let elsewhere = images.filter(|(_, image)| image.region != region);
        let flaw = |(name, image): (&String, &Image)| {
            let message = format!("the image is in {}, but the stack is in {region}", image.region);
            Diagnostic::new(format!("functions.{name}.image"), message)
                .help(format!("Lambda takes images from its own region: replicate the repository to {region}"))
        };
        elsewhere.map(flaw).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::{Diagnostic, Stack, parse};

    const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

    fn uri() -> String {
        format!("{HOST}/team/resize@sha256:{}", "0a".repeat(32))
    }

    fn stack(image: &str, keys: &str) -> Result<Stack, Vec<Diagnostic>> {
        parse(&format!("[stack]\nname = \"demo\"\n[functions.F]\nimage = \"{image}\"\n{keys}\n"))
    }

    fn wrong(image: &str, keys: &str) -> String {
        let said = |flaw: &Diagnostic| format!("{flaw} {}\n", flaw.help.clone().unwrap_or_default());
        stack(image, keys).err().map(|flaws| flaws.iter().map(said).collect()).unwrap_or_default()
    }

    #[test]
    fn an_image_is_named_by_its_digest() {
        assert_eq!(wrong(&uri(), "memory_mb = 1024"), "");
        let tagged = wrong(&format!("{HOST}/team/resize:v1"), "");
        assert!(tagged.contains("a tag can point to another image tomorrow"), "{tagged}");
        assert!(tagged.contains("--registry-id 123456789012 --region eu-central-1"), "{tagged}");
        assert!(tagged.contains("--repository-name team/resize --image-ids imageTag=v1"), "{tagged}");
        assert!(wrong(&format!("{HOST}/resize"), "").contains("imageTag=latest"));
        assert!(wrong(&uri().replace('@', ":v1@"), "").contains("leave the tag out"));
        assert!(wrong(&format!("{HOST}/resize@sha256:{}", "0A".repeat(32)), "").contains("64 digits"));
        assert!(wrong(&uri().replace("dkr.ecr.", "dkr.ecr-fips."), "").contains("FIPS"));
        for outside in
            ["nginx", "public.ecr.aws/lambda/python:3.14", "ghcr.io/a/b@sha256:0", "a.dkr.ecr.b.amazonaws.com/c"]
        {
            assert!(wrong(outside, "").contains("Lambda takes no other images"), "{outside}");
        }
        let china = uri().replace("eu-central-1.amazonaws.com", "cn-north-1.amazonaws.com");
        assert!(wrong(&china, "").contains("no other images"));
        assert_eq!(wrong(&china.replace("amazonaws.com", "amazonaws.com.cn"), ""), "");
    }

    #[test]
    fn what_an_image_has_itself_is_a_mistake_beside_it() {
        for (keys, why) in [
            ("source = \"f\"", "either `source` or `image`"),
            ("runtime = \"nodejs24.x\"", "`runtime` means nothing beside `image`"),
            ("handler = \"index.handler\"", "`handler` means nothing beside `image`"),
            ("bundler = \"esbuild\"", "`bundler` means nothing beside `image`"),
            ("layers = []", "Lambda adds no layers to an image"),
        ] {
            assert!(wrong(&uri(), keys).contains(why), "{keys}: {}", wrong(&uri(), keys));
        }
        let neither = parse("[stack]\nname = \"demo\"\n[functions.F]\nmemory_mb = 128\n");
        assert!(neither.is_err_and(|flaws| flaws[0].to_string().contains("lacks `source`")));
    }

    #[test]
    fn an_image_is_in_the_region_of_the_stack() {
        let stack = stack(&uri(), "").expect("sound");
        assert_eq!(stack.images_elsewhere("eu-central-1"), []);
        let flaws = stack.images_elsewhere("eu-west-1");
        assert_eq!(flaws[0].key, "functions.F.image");
        let repository = "arn:aws:ecr:eu-central-1:123456789012:repository/team/resize";
        assert_eq!(stack.image_repositories().into_iter().collect::<Vec<_>>(), [repository]);
    }
}
