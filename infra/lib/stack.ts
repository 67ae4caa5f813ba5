/**
 * The whole of Anabranch on AWS, in the order in which data flow.
 *
 * ```text
 *           ┌──> ArchiveLayer ──> MasterDataSet ──> BatchLayer ──> BatchViews ──┐
 * HttpFront ──> EventStream                                                     ├──> HttpFront
 *           └──> SpeedLayer ────────────────────────────────────> SpeedRows ────┘
 * ```
 */

import { CfnOutput, Duration, type Environment, Stack, Tags } from 'aws-cdk-lib';
import { AttributeType } from 'aws-cdk-lib/aws-dynamodb';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { Alarms } from './alarms.ts';
import { ArchiveLayer } from './archive-layer.ts';
import { BatchLayer, BatchViews } from './batch-layer.ts';
import type { Config } from './config.ts';
import { AtAGlance } from './dashboard.ts';
import type { Deployment } from './deployment.ts';
import { Encryption } from './encryption.ts';
import { EventStream } from './event-stream.ts';
import type { Sources } from './function-code.ts';
import { GlueBuild } from './glue-build.ts';
import { HttpFront } from './http-api.ts';
import { itemTable } from './item-table.ts';
import { MasterDataSet } from './master-data-set.ts';
import { privateBucket } from './private-bucket.ts';
import { SpeedLayer, SpeedRows } from './speed-layer.ts';

export class AnabranchStack extends Stack {
  constructor(scope: Construct, config: Config, sources: Sources, env: Environment) {
    super(scope, config.stackName, {
      env,
      description: 'Anabranch: a serverless Lambda architecture, exact by proof',
      terminationProtection: config.protection.retain,
    });
    const { key } = new Encryption(this, 'Encryption', config);
    const deployment: Deployment = { config, sources, key };

    const accessLogs = this.accessLogs(deployment);
    const { stream } = new EventStream(this, 'EventStream', deployment);
    const master = new MasterDataSet(this, 'MasterDataSet', deployment, accessLogs);
    const raw = master.bucket;
    const { bucket: views } = new BatchViews(this, 'BatchViews', deployment, accessLogs);
    const { table: rows } = new SpeedRows(this, 'SpeedRows', deployment);
    const control = itemTable(this, 'Control', deployment, { sortKey: AttributeType.STRING });
    const failures = privateBucket(this, 'Failures', deployment, {
      versioned: config.protection.retain,
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'failures/',
    });

    const environment = {
      ANABRANCH_STREAM: stream.streamName,
      ANABRANCH_RAW_BUCKET: raw.bucketName,
      ANABRANCH_VIEWS_BUCKET: views.bucketName,
      ANABRANCH_FAILURES_BUCKET: failures.bucketName,
      ANABRANCH_SPEED_TABLE: rows.tableName,
      ANABRANCH_CONTROL_TABLE: control.tableName,
      ANABRANCH_EPOCH: config.epoch,
    };
    const { script } = config.glue;
    const glue =
      script === null
        ? undefined
        : new GlueBuild(this, 'GlueBuild', deployment, { script, raw, views });

    const archive = new ArchiveLayer(this, 'ArchiveLayer', deployment, {
      stream,
      raw,
      control,
      failures,
      environment,
    });
    const speed = new SpeedLayer(this, 'SpeedLayer', deployment, {
      stream,
      rows,
      raw,
      control,
      failures,
      environment,
    });
    const batch = new BatchLayer(this, 'BatchLayer', deployment, {
      stream,
      rows,
      raw,
      views,
      control,
      failures,
      glue,
      environment,
    });
    const http = new HttpFront(this, 'HttpFront', deployment, {
      stream,
      rows,
      raw,
      views,
      control,
      environment,
    });

    const watched = {
      stream,
      functions: {
        archive: archive.function,
        speed: speed.function,
        batch: batch.function,
        query: http.query,
        ingest: http.ingest,
        ...(http.tokens === undefined ? {} : { authorizer: http.tokens.function }),
      },
      archive,
      speed,
      batch: batch.function,
      api: http.api,
    };
    const { alarms, topic } = new Alarms(this, 'Alarms', deployment, watched);
    new AtAGlance(this, 'AtAGlance', watched, rows, alarms);

    this.outputs({
      StreamName: stream.streamName,
      RawBucket: raw.bucketName,
      ViewsBucket: views.bucketName,
      FailuresBucket: failures.bucketName,
      SpeedTable: rows.tableName,
      ControlTable: control.tableName,
      ApiUrl: http.api.apiEndpoint,
      ArchiveFunction: archive.function.function.functionName,
      SpeedFunction: speed.function.function.functionName,
      QueryFunction: http.query.function.functionName,
      IngestFunction: http.ingest.function.functionName,
      BatchFunction: batch.function.function.functionName,
      Epoch: config.epoch,
      Database: master.database.ref,
      AlarmTopic: topic.topicArn,
      ...(http.tokens === undefined ? {} : { TokensSecret: http.tokens.secret.secretArn }),
    });
    Tags.of(this).add('application', 'anabranch');
  }

  /** Who read and wrote the buckets. S3 writes it itself, and with no key but its own. */
  private accessLogs(deployment: Deployment): Bucket {
    return privateBucket(
      this,
      'AccessLogs',
      { ...deployment, key: undefined },
      {
        lifecycleRules: [{ expiration: Duration.days(deployment.config.logs.retentionDays) }],
      },
    );
  }

  private outputs(values: Record<string, string>): void {
    for (const [name, value] of Object.entries(values)) new CfnOutput(this, name, { value });
  }
}
