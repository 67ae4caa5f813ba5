/**
 * The batch layer: plans, builds, publishes and retires batch views, every minute a look at what is due.
 *
 * One instance at a time. What it cannot take it must not queue: a tick that waited behind a long
 * build says nothing that the next one does not.
 */

import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import {
  Effect,
  PolicyDocument,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Bucket, IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { type Access, items, objects, onStream, readObjects, useKey } from './access.ts';
import type { Deployment } from './deployment.ts';
import type { GlueBuild } from './glue-build.ts';
import { privateBucket } from './private-bucket.ts';
import { RustFunction } from './rust-function.ts';

/** The batch views. Not versioned: each object is named by its build, and can be built again. */
export class BatchViews extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, deployment: Deployment, accessLogs: IBucket) {
    super(scope, id);
    this.bucket = privateBucket(this, 'Bucket', deployment, {
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'views/',
    });
  }
}

export interface BatchLayerProps {
  readonly stream: IStream;
  readonly rows: ITable;
  readonly raw: IBucket;
  readonly views: IBucket;
  readonly control: ITable;
  readonly failures: IBucket;
  readonly glue: GlueBuild | undefined;
  readonly environment: Record<string, string>;
}

export class BatchLayer extends Construct {
  readonly function: RustFunction;

  constructor(scope: Construct, id: string, deployment: Deployment, props: BatchLayerProps) {
    super(scope, id);
    const { batch } = deployment.config;
    this.function = new RustFunction(this, 'Function', deployment, {
      name: 'batch',
      description: 'Plans, builds and publishes batch views',
      memoryMb: batch.memoryMb,
      timeoutSeconds: batch.timeoutSeconds,
      environment: {
        ...props.environment,
        ANABRANCH_BATCH_EVERY: batch.every,
        ANABRANCH_NATIVE_MAX_BYTES: String(batch.nativeMaxBytes),
        ...(props.glue === undefined ? {} : { ANABRANCH_GLUE_JOB: props.glue.jobName }),
      },
      withProject: true,
      access: this.access(deployment, props),
      ...(batch.reserveConcurrency ? { reservedConcurrency: 1 } : {}),
    });
    this.function.function.configureAsyncInvoke({
      retryAttempts: 0,
      maxEventAge: Duration.minutes(1),
    });
    this.tickEveryMinute();
    if (props.glue !== undefined) this.hearOf(props.glue);
  }

  private access(deployment: Deployment, props: BatchLayerProps): Access[] {
    const { stream, rows, raw, views, control, failures, glue } = props;
    return [
      // Heartbeats, the list of shards, and whether a closed one was read to its end.
      onStream(stream, ['GetRecords', 'GetShardIterator', 'ListShards', 'PutRecord']),
      items(control, ['GetItem', 'PutItem', 'Query']),
      items(rows, ['DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem']),
      ...readObjects(raw, ['raw', 'shards']),
      // What the archive gave up is archived from the failures bucket.
      objects(raw, ['s3:PutObject'], ['raw', 'shards']),
      ...readObjects(views, ['views']),
      objects(views, ['s3:DeleteObject', 's3:PutObject'], ['views']),
      ...readObjects(failures, ['aws/lambda']),
      objects(failures, ['s3:DeleteObject'], ['aws/lambda']),
      ...(glue === undefined ? [] : [glue.start()]),
      ...useKey(deployment.key, 'encrypt'),
    ];
  }

  private tickEveryMinute(): void {
    const { functionArn } = this.function.function;
    const role = new Role(this, 'TickRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com'),
      inlinePolicies: {
        invoke: new PolicyDocument({
          statements: [
            new PolicyStatement({
              effect: Effect.ALLOW,
              actions: ['lambda:InvokeFunction'],
              resources: [functionArn],
            }),
          ],
        }),
      },
    });
    new CfnSchedule(this, 'Tick', {
      description: 'Has Anabranch look every minute what is due',
      scheduleExpression: 'rate(1 minute)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: functionArn,
        roleArn: role.roleArn,
        input: JSON.stringify({ action: 'tick' }),
        retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 },
      },
    });
  }

  private hearOf(glue: GlueBuild): void {
    new Rule(this, 'JobEnded', {
      description: 'Tells Anabranch that a build on Glue ended',
      eventPattern: {
        source: ['aws.glue'],
        detailType: ['Glue Job State Change'],
        detail: { jobName: [glue.jobName] },
      },
      targets: [
        new LambdaFunction(this.function.function, {
          retryAttempts: 10,
          maxEventAge: Duration.hours(1),
        }),
      ],
    });
  }
}
