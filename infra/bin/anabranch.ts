/**
 * The CDK app: one stack.
 *
 * ```text
 * cdk deploy -c project=FOLDER [-c functions=FOLDER] [-c config=FILE]
 * ```
 *
 * Paths are relative to the repository. The configuration is `deploy.json` in the project's folder
 * unless another is named.
 */

import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { join, resolve } from 'node:path';
import { ConfigError, configureFromFile } from '../lib/config.ts';
import { SourceError, type Sources } from '../lib/function-code.ts';
import { AnabranchStack } from '../lib/stack.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

function main(): void {
  const app = new App();
  const context = (name: string): string | undefined => app.node.tryGetContext(name);
  const path = (name: string, otherwise: string) => resolve(REPOSITORY, context(name) ?? otherwise);
  if (context('project') === undefined) {
    throw new SourceError('no project: say which to deploy with `make deploy PROJECT=folder`');
  }
  const project = path('project', '');
  const config = configureFromFile(path('config', join(project, 'deploy.json')));
  const sources: Sources = {
    project,
    functions: path('functions', 'target/lambda'),
    staging: join(app.outdir, 'functions'),
  };
  // The CDK command takes both from the user's credentials and region; the account may be unknown.
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
  new AnabranchStack(app, config, sources, { account, region });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}

try {
  main();
} catch (error) {
  // What is wrong with a user's files needs no stack trace.
  if (!(error instanceof ConfigError || error instanceof SourceError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
