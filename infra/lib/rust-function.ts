/**
 * A compiled function with a role and a log group of its own.
 *
 * The role holds what is handed in and the right to write to that log group. There is no managed
 * policy in it, so that what a function may do can be read in one place.
 */

import { Duration } from 'aws-cdk-lib';
import {
  Effect,
  PolicyDocument,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Architecture, Function, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Access } from './access.ts';
import { acknowledgeWildcards } from './acknowledge.ts';
import { type Deployment, removalPolicy } from './deployment.ts';
import { functionCode } from './function-code.ts';

export interface RustFunctionProps {
  /** The binary's name. */
  readonly name: string;
  readonly description: string;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly environment: Record<string, string>;
  readonly access: Access[];
  /** Whether the function compiles the project. */
  readonly withProject: boolean;
  readonly reservedConcurrency?: number;
}

export class RustFunction extends Construct {
  readonly function: Function;
  readonly role: Role;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, deployment: Deployment, props: RustFunctionProps) {
    super(scope, id);
    const { config, sources } = deployment;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: config.logs.retentionDays,
      removalPolicy: removalPolicy(deployment),
    });
    const log = new PolicyStatement({
      effect: Effect.ALLOW,
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [this.logGroup.logGroupArn],
    });
    const access: Access[] = [...props.access, { statement: log }];
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What the function ${props.name} of Anabranch may do`,
      inlinePolicies: {
        access: new PolicyDocument({
          statements: access.map(({ statement }) => statement),
          minimize: false,
        }),
      },
    });
    for (const { statement, wildcard } of access) {
      if (wildcard !== undefined) acknowledgeWildcards(this.role, statement, wildcard);
    }
    this.function = new Function(this, 'Function', {
      description: props.description,
      runtime: Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      architecture: config.architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
      code: functionCode(sources, config.architecture, props.name, props.withProject),
      memorySize: props.memoryMb,
      timeout: Duration.seconds(props.timeoutSeconds),
      environment: { ANABRANCH_LOG: config.logs.level, ...props.environment },
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      ...(props.reservedConcurrency === undefined
        ? {}
        : { reservedConcurrentExecutions: props.reservedConcurrency }),
    });
  }
}
