/** A synthesized stack, to be asked what it holds. */

import { App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after } from 'node:test';
import { type ConfigInput, configure } from '../lib/config.ts';
import type { Sources } from '../lib/function-code.ts';
import { AnabranchStack } from '../lib/stack.ts';

const INFRA = resolve(import.meta.dirname, '..');
export const FUNCTIONS = ['archive', 'speed', 'query', 'ingest', 'batch', 'authorizer'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

/** A folder that is gone after the tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'anabranch-infra-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Sources with functions that do nothing. */
export function sources(): Sources {
  const folder = temporaryFolder();
  for (const name of FUNCTIONS) {
    mkdirSync(join(folder, 'functions', name), { recursive: true });
    writeFileSync(join(folder, 'functions', name, 'bootstrap'), `#!/bin/sh\n# ${name}\n`);
  }
  return {
    project: resolve(INFRA, '../examples/clickstream'),
    functions: join(folder, 'functions'),
    staging: join(folder, 'staging'),
  };
}

export interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, unknown>>;
}

export interface Resource {
  Type: string;
  Properties: Record<string, any>;
  DeletionPolicy?: string;
}

export class Synthesized {
  readonly template: Template;

  /** With `checked`, any finding of AwsSolutions that is not acknowledged is an error. */
  constructor(input: ConfigInput = {}, checked = false) {
    const { context } = JSON.parse(readFileSync(join(INFRA, 'cdk.json'), 'utf8'));
    const rules = { '@aws-cdk/core:validateAgainstDefaultRules': checked };
    const app = new App({ context: { ...context, ...rules }, outdir: temporaryFolder() });
    const env = { region: 'eu-central-1' };
    const stack = new AnabranchStack(app, configure(input), sources(), env);
    if (checked) Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    this.template = Template.fromStack(stack);
  }

  resources(type: string): Record<string, Resource> {
    return this.template.findResources(type) as Record<string, Resource>;
  }

  /** The only resource of a type whose logical ID begins with `prefix`. */
  resource(type: string, prefix = ''): Resource {
    const found = Object.entries(this.resources(type)).filter(([id]) => id.startsWith(prefix));
    if (found.length !== 1) throw new Error(`${found.length} of ${type} ${prefix}`);
    return found[0]![1];
  }

  /** The logical ID of an output's resource. */
  output(name: string): string {
    const { Value } = this.template.findOutputs(name)[name]!;
    return typeof Value === 'string' ? Value : (Value.Ref ?? Value['Fn::GetAtt'][0]);
  }

  function(name: FunctionName): Resource {
    return this.resource('AWS::Lambda::Function', prefixes[name]);
  }

  /** Everything that a function's role allows, or that its roles' policies add. */
  statements(name: FunctionName): Statement[] {
    const role: string = this.function(name).Properties.Role['Fn::GetAtt'][0];
    const { Properties } = this.resources('AWS::IAM::Role')[role]!;
    if (Properties.ManagedPolicyArns !== undefined) throw new Error(`${role} has a managed policy`);
    const added = Object.values(this.resources('AWS::IAM::Policy')).filter((policy) =>
      policy.Properties.Roles?.some((of: { Ref: string }) => of.Ref === role),
    );
    const documents = [
      ...Properties.Policies.map((policy: Resource['Properties']) => policy.PolicyDocument),
      ...added.map((policy) => policy.Properties.PolicyDocument),
    ];
    return documents.flatMap((document) => document.Statement);
  }

  /**
   * What a function may do, as `action resource`: the resource by its logical ID and what follows it,
   * such as `s3:PutObject MasterDataSet…/raw/*`. Keys and the own log are left out.
   */
  may(name: FunctionName): string[] {
    const names = {
      [this.output('RawBucket')]: 'raw',
      [this.output('ViewsBucket')]: 'views',
      [this.output('FailuresBucket')]: 'failures',
      [this.output('SpeedTable')]: 'speed',
      [this.output('ControlTable')]: 'control',
      [this.output('StreamName')]: 'stream',
    };
    const grants = this.statements(name).flatMap((statement) => {
      if (statement.Effect !== 'Allow') throw new Error(`${name}: ${statement.Effect}`);
      const keys = statement.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'];
      const items = keys === undefined ? '' : ` ${(keys as string[]).join(' ')}`;
      return list(statement.Action).flatMap((action) =>
        list(statement.Resource).map((resource) => `${action} ${flatten(resource, names)}${items}`),
      );
    });
    return grants.filter((grant) => !/^(kms|logs):/.test(grant)).sort();
  }
}

const prefixes: Record<FunctionName, string> = {
  archive: 'ArchiveLayerFunction',
  speed: 'SpeedLayerFunction',
  batch: 'BatchLayerFunction',
  query: 'HttpFrontQuery',
  ingest: 'HttpFrontIngest',
  authorizer: 'HttpFrontTokens',
};

function list<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

function flatten(resource: any, names: Record<string, string>): string {
  if (typeof resource === 'string') return resource;
  if (resource['Fn::Join'] !== undefined) {
    return resource['Fn::Join'][1].map((part: unknown) => flatten(part, names)).join('');
  }
  const id = resource.Ref ?? resource['Fn::GetAtt'][0];
  return names[id] ?? id;
}
