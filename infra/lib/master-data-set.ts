/**
 * The master data set: a bucket whose objects are put once and never changed, and how Athena sees it.
 *
 * Three things keep an object as it was put: the archive puts only if there is none, the bucket
 * refuses any other put below `raw/`, and a lock keeps versions from being removed.
 */

import { Duration } from 'aws-cdk-lib';
import { CfnDatabase, CfnTable } from 'aws-cdk-lib/aws-glue';
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  type Bucket,
  type IBucket,
  type LifecycleRule,
  ObjectLockRetention,
  StorageClass,
  type Transition,
} from 'aws-cdk-lib/aws-s3';
import { Aws } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Config } from './config.ts';
import type { Deployment } from './deployment.ts';
import { privateBucket } from './private-bucket.ts';

/** The columns of a record file: `crates/stores/src/record_file/write.rs`. */
const RECORD_COLUMNS = [
  { name: 'shard', type: 'string' },
  { name: 'sequence_number', type: 'string' },
  { name: 'epoch', type: 'bigint' },
  { name: 'arrival_time', type: 'timestamp' },
  { name: 'partition_key', type: 'string' },
  { name: 'payload', type: 'binary' },
];

export class MasterDataSet extends Construct {
  readonly bucket: Bucket;
  readonly database: CfnDatabase;

  constructor(scope: Construct, id: string, deployment: Deployment, accessLogs: IBucket) {
    super(scope, id);
    const { masterDataSet, protection } = deployment.config;
    this.bucket = privateBucket(this, 'Bucket', deployment, {
      versioned: protection.retain,
      ...objectLock(masterDataSet),
      lifecycleRules: coolDown(masterDataSet),
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'raw/',
    });
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'PutOnceOnly',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject'],
        resources: [this.bucket.arnForObjects('raw/*')],
        conditions: {
          Null: { 's3:if-none-match': 'true' },
          Bool: { 's3:ObjectCreationOperation': 'true' },
        },
      }),
    );
    this.database = new CfnDatabase(this, 'Database', {
      catalogId: Aws.ACCOUNT_ID,
      databaseInput: {
        // Athena's names have no dashes.
        name: deployment.config.stackName.toLowerCase().replaceAll('-', '_'),
        description: 'The master data set and the batch views of Anabranch',
      },
    });
    this.catalogue(masterDataSet.athenaFrom).addResourceDependency(this.database);
  }

  /** The table `raw`: partitions follow from their names, so there is nothing to be added to it. */
  private catalogue(from: string): CfnTable {
    const location = `s3://${this.bucket.bucketName}/raw/`;
    return new CfnTable(this, 'Table', {
      catalogId: Aws.ACCOUNT_ID,
      databaseName: this.database.ref,
      tableInput: {
        name: 'raw',
        description: 'Every record, as it was sent',
        tableType: 'EXTERNAL_TABLE',
        partitionKeys: [
          { name: 'dt', type: 'string' },
          { name: 'hour', type: 'string' },
        ],
        parameters: {
          EXTERNAL: 'TRUE',
          classification: 'parquet',
          'projection.enabled': 'true',
          'projection.dt.type': 'date',
          'projection.dt.format': 'yyyy-MM-dd',
          // An epoch may begin a little ahead of Athena's clock.
          'projection.dt.range': `${from},NOW+1DAYS`,
          'projection.hour.type': 'integer',
          'projection.hour.range': '0,23',
          'projection.hour.digits': '2',
          'storage.location.template': `${location}dt=\${dt}/hour=\${hour}/`,
        },
        storageDescriptor: {
          columns: RECORD_COLUMNS,
          location,
          inputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat',
          outputFormat: 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat',
          serdeInfo: {
            serializationLibrary: 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe',
          },
        },
      },
    });
  }
}

function objectLock({ objectLock, objectLockDays }: Config['masterDataSet']) {
  if (objectLock === 'off') return {};
  const days = Duration.days(objectLockDays);
  return {
    objectLockEnabled: true,
    objectLockDefaultRetention:
      objectLock === 'governance'
        ? ObjectLockRetention.governance(days)
        : ObjectLockRetention.compliance(days),
  };
}

/** Objects are read by the next build, and after that only by full builds and audits. */
function coolDown(config: Config['masterDataSet']): LifecycleRule[] {
  const transitions: Transition[] = [];
  const to = (storageClass: StorageClass, days: number | null) => {
    if (days !== null) transitions.push({ storageClass, transitionAfter: Duration.days(days) });
  };
  to(StorageClass.INFREQUENT_ACCESS, config.infrequentAccessAfterDays);
  to(StorageClass.GLACIER_INSTANT_RETRIEVAL, config.instantRetrievalAfterDays);
  return transitions.length === 0 ? [] : [{ prefix: 'raw/', transitions }];
}
