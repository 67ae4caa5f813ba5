/** Builds on AWS Glue, for what is too much for one function. */

import { Aws } from 'aws-cdk-lib';
import { CfnJob, CfnSecurityConfiguration } from 'aws-cdk-lib/aws-glue';
import {
  Effect,
  PolicyDocument,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { existsSync } from 'node:fs';
import { Construct } from 'constructs';
import { type Access, objects, readObjects, useKey } from './access.ts';
import { acknowledge, acknowledgeWildcards } from './acknowledge.ts';
import type { Deployment } from './deployment.ts';
import { SourceError } from './function-code.ts';

export interface GlueBuildProps {
  readonly script: string;
  readonly raw: IBucket;
  readonly views: IBucket;
}

export class GlueBuild extends Construct {
  readonly jobName: string;
  private readonly role: Role;

  constructor(scope: Construct, id: string, deployment: Deployment, props: GlueBuildProps) {
    super(scope, id);
    const { glue, stackName } = deployment.config;
    if (!existsSync(props.script)) {
      throw new SourceError(`glue.script: ${props.script}: no such file`);
    }
    const script = new Asset(this, 'Script', { path: props.script });
    this.jobName = `${stackName}-build`;
    this.role = this.jobRole(deployment, props, script);
    const { key } = deployment;
    const security = key && this.securityConfiguration(this.jobName, key);
    const job = new CfnJob(this, 'Job', {
      name: this.jobName,
      description: 'Folds the master data set into a batch version',
      role: this.role.roleArn,
      command: { name: 'glueetl', pythonVersion: '3', scriptLocation: script.s3ObjectUrl },
      glueVersion: glue.version,
      workerType: glue.workerType,
      numberOfWorkers: glue.workers,
      timeout: glue.timeoutMinutes,
      maxRetries: 0,
      executionProperty: { maxConcurrentRuns: 1 },
      ...(security === undefined ? {} : { securityConfiguration: security.ref }),
    });
    acknowledge(job, 'AwsSolutions-GL1', 'Its logs hold no events; AWS’s key encrypts them');
    acknowledge(
      job,
      'AwsSolutions-GL3',
      'Without a key of the stack’s own; the job has no bookmarks',
    );
  }

  /** Starting the job, and seeing what became of it. */
  start(): Access {
    const statement = new PolicyStatement({
      effect: Effect.ALLOW,
      actions: ['glue:GetJobRuns', 'glue:StartJobRun'],
      resources: [`arn:${Aws.PARTITION}:glue:${Aws.REGION}:${Aws.ACCOUNT_ID}:job/${this.jobName}`],
    });
    return { statement };
  }

  private jobRole(deployment: Deployment, { raw, views }: GlueBuildProps, script: Asset): Role {
    const log = new PolicyStatement({
      effect: Effect.ALLOW,
      actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [
        `arn:${Aws.PARTITION}:logs:${Aws.REGION}:${Aws.ACCOUNT_ID}:log-group:/aws-glue/*`,
      ],
    });
    const fetch = new PolicyStatement({
      effect: Effect.ALLOW,
      actions: ['s3:GetObject'],
      resources: [script.bucket.arnForObjects(script.s3ObjectKey)],
    });
    const access: Access[] = [
      ...readObjects(raw, ['raw', 'shards']),
      ...readObjects(views, ['views']),
      objects(views, ['s3:PutObject'], ['views']),
      { statement: fetch },
      { statement: log, wildcard: 'Glue names its log groups itself' },
      ...useKey(deployment.key, 'encrypt'),
    ];
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('glue.amazonaws.com'),
      inlinePolicies: {
        access: new PolicyDocument({ statements: access.map(({ statement }) => statement) }),
      },
    });
    for (const { statement, wildcard } of access) {
      if (wildcard !== undefined) acknowledgeWildcards(role, statement, wildcard);
    }
    return role;
  }

  /** The key for what the job writes to S3, which the buckets would use anyway, and for its bookmarks. */
  private securityConfiguration(name: string, { keyArn }: IKey): CfnSecurityConfiguration {
    return new CfnSecurityConfiguration(this, 'Security', {
      name,
      encryptionConfiguration: {
        s3Encryptions: [{ s3EncryptionMode: 'SSE-KMS', kmsKeyArn: keyArn }],
        jobBookmarksEncryption: { jobBookmarksEncryptionMode: 'CSE-KMS', kmsKeyArn: keyArn },
      },
    });
  }
}
