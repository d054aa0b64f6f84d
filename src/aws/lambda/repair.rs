//! Removes the parts of a function that are not in the stack file, and corrects the settings that have separate calls.

use aws_sdk_lambda::types::{RecursiveLoop, UpdateRuntimeOn};

use super::access::{Access, Statement};
use super::refusals::{FUNCTION_BUSY, MAPPING_BUSY};
use super::{Function, FunctionLive, Lambda};
use crate::aws::error::{OrAbsent, OrFail};
use crate::aws::settle::settled;
use crate::engine::{Failure, Task};

impl Lambda {
    /// Removes the parts of the function that the stack file does not imply. Parts that give access are removed first.
    pub(super) async fn remove_foreign(
        &self,
        want: &Function,
        live: &FunctionLive,
        task: &Task,
    ) -> Result<(), Failure> {
        let function = &want.name;
        let foreign: Vec<&Statement> = want.foreign_statements(live).collect();
        self.remove_statements(function, &foreign, task).await?;
        let Access { urls, invoke_configs, aliases, .. } = &live.access;
        if !urls.is_empty() {
            // An emulator may not say to which alias a URL belongs.
            let mut qualifiers: Vec<Option<&String>> = urls.iter().map(|url| url.qualifier.as_ref()).collect();
            qualifiers.extend(aliases.iter().map(Some));
            qualifiers.sort();
            qualifiers.dedup();
            for qualifier in qualifiers {
                self.remove_url(function, qualifier, task).await?;
            }
        }
        for config in invoke_configs {
            self.remove_invoke_config(function, config.qualifier.as_ref(), task).await?;
        }
        for mapping in want.foreign_mappings(live) {
            self.remove_mapping(function, &mapping.uuid, task).await?;
        }
        // A version cannot be deleted while an alias points to it.
        for alias in want.foreign_aliases(live) {
            self.remove_alias(function, alias, task).await?;
        }
        for version in want.foreign_versions(live) {
            self.remove_version(function, version, task).await?;
        }
        Ok(())
    }

    async fn remove_statements(&self, function: &str, foreign: &[&Statement], task: &Task) -> Result<(), Failure> {
        let lock = self.lock_of(function);
        let _alone = lock.lock().await;
        for statement in foreign {
            let Some(sid) = &statement.sid else {
                let what = format!("the function {function} has a permission without an id: {}", statement.words);
                return Err(Failure::refused(what)
                    .hint("AWS removes permissions by their id; use `aws lambda delete-resource-policy`, then `up`"));
            };
            self.disallow(function, sid, statement.qualifier.as_ref(), task).await?;
        }
        Ok(())
    }

    async fn remove_url(&self, function: &str, alias: Option<&String>, task: &Task) -> Result<(), Failure> {
        let doing = format!("remove the URL of the function {function}");
        let removed = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.delete_function_url_config().function_name(function);
            call.set_qualifier(alias.cloned()).send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }

    async fn remove_invoke_config(
        &self,
        function: &str,
        qualifier: Option<&String>,
        task: &Task,
    ) -> Result<(), Failure> {
        let doing = format!("remove the destinations of the function {function}");
        let removed = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.delete_function_event_invoke_config().function_name(function);
            call.set_qualifier(qualifier.cloned()).send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }

    async fn remove_mapping(&self, function: &str, uuid: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("remove the event source {uuid} of the function {function}");
        let removed = settled(task, &[&MAPPING_BUSY], || async {
            self.client.delete_event_source_mapping().uuid(uuid).send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }

    pub(super) async fn remove_alias(&self, function: &str, alias: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("remove the alias {alias} of the function {function}");
        let removed = settled(task, &[&FUNCTION_BUSY], || async {
            self.client.delete_alias().function_name(function).name(alias).send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }

    pub(super) async fn remove_version(&self, function: &str, version: &str, task: &Task) -> Result<(), Failure> {
        let doing = format!("remove the version {version} of the function {function}");
        let removed = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.delete_function().function_name(function).qualifier(version);
            call.send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }

    /// Reserves executions for the function, or removes the reservation. A new function has no provisioned concurrency.
    pub(super) async fn reserve(&self, want: &Function, new: bool, task: &Task) -> Result<(), Failure> {
        let name = &want.name;
        if let Some(reserved) = want.reserved_concurrency {
            if !new {
                self.provision_at_most(name, reserved, task).await?;
            }
            let doing = format!("reserve {reserved} concurrent executions for the function {name}");
            let put = settled(task, &[&FUNCTION_BUSY], || async {
                let call = self.client.put_function_concurrency().function_name(name);
                call.reserved_concurrent_executions(reserved).send().await.or_fail(&doing)
            });
            return put.await.map(drop);
        }
        let doing = format!("remove the reserved concurrency of the function {name}");
        let removed = settled(task, &[&FUNCTION_BUSY], || async {
            self.client.delete_function_concurrency().function_name(name).send().await.or_fail(&doing)
        });
        removed.await.or_absent().map(drop)
    }

    pub(super) async fn stop_recursion(&self, want: &Function, task: &Task) -> Result<(), Failure> {
        let doing = format!("set the recursive loop detection of the function {}", want.name);
        let put = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.put_function_recursion_config().function_name(&want.name);
            call.recursive_loop(RecursiveLoop::Terminate).send().await.or_fail(&doing)
        });
        put.await.map(drop)
    }

    /// Lets AWS update the function's runtime.
    pub(super) async fn update_runtime(&self, want: &Function, task: &Task) -> Result<(), Failure> {
        let doing = format!("let AWS update the runtime of the function {}", want.name);
        let put = settled(task, &[&FUNCTION_BUSY], || async {
            let call = self.client.put_runtime_management_config().function_name(&want.name);
            call.update_runtime_on(UpdateRuntimeOn::Auto).send().await.or_fail(&doing)
        });
        put.await.map(drop)
    }
}
