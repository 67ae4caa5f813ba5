/**
 * What the emulators drop in silence, or ignore: how data are kept, and how they are delivered.
 *
 * The template is the only place where it can be seen without an account.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { FUNCTIONS, type Resource, Synthesized } from './support.ts';

/** Where the archive's columns are written down. */
const RECORD_FILE = resolve(import.meta.dirname, '../../crates/stores/src/record_file/write.rs');
const stack = new Synthesized();
const bucket = (output: string): Resource =>
  stack.resources('AWS::S3::Bucket')[stack.output(output)]!;
const table = (output: string): Resource['Properties'] =>
  stack.resources('AWS::DynamoDB::GlobalTable')[stack.output(output)]!.Properties;
const key = stack.resource('AWS::KMS::Key');
const BUCKETS = ['RawBucket', 'ViewsBucket', 'FailuresBucket'];
const TABLES = ['SpeedTable', 'ControlTable'];

describe('the stream', () => {
  const stream = stack.resource('AWS::Kinesis::Stream');
  test('grows by itself, keeps records for a week and is encrypted with the key', () => {
    assert.deepEqual(stream.Properties.StreamModeDetails, { StreamMode: 'ON_DEMAND' });
    assert.equal(stream.Properties.RetentionPeriodHours, 168);
    assert.equal(stream.Properties.StreamEncryption.EncryptionType, 'KMS');
    assert.ok(stream.Properties.StreamEncryption.KeyId['Fn::GetAtt']);
    assert.equal(stream.DeletionPolicy, 'Retain');
  });
});

describe('the mappings', () => {
  for (const [layer, window] of [
    ['ArchiveLayer', 30],
    ['SpeedLayer', 2],
  ] as const) {
    test(`${layer}: one delivery per shard, from the beginning, and nothing is let go`, () => {
      const { FunctionName, EventSourceArn, DestinationConfig, ...rest } = stack.resource(
        'AWS::Lambda::EventSourceMapping',
        layer,
      ).Properties;
      assert.match(FunctionName.Ref, new RegExp(`^${layer}`));
      assert.equal(EventSourceArn['Fn::GetAtt'][0], stack.output('StreamName'));
      const { Destination } = DestinationConfig.OnFailure;
      assert.equal(Destination['Fn::GetAtt'][0], stack.output('FailuresBucket'));
      delete rest.Tags;
      assert.deepEqual(rest, {
        BatchSize: 10_000,
        BisectBatchOnFunctionError: true,
        Enabled: true,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        MaximumBatchingWindowInSeconds: window,
        MaximumRecordAgeInSeconds: 144 * 3600,
        MaximumRetryAttempts: 10_000,
        MetricsConfig: { Metrics: ['EventCount'] },
        ParallelizationFactor: 1,
        StartingPosition: 'TRIM_HORIZON',
      });
    });
  }
});

describe('the tables', () => {
  for (const [output, sortKey] of [
    ['SpeedTable', 'B'],
    ['ControlTable', 'S'],
  ] as const) {
    test(`${output}: keys, encryption, backups and protection`, () => {
      const { KeySchema, AttributeDefinitions, BillingMode, SSESpecification, Replicas } =
        table(output);
      assert.deepEqual(KeySchema, [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ]);
      assert.deepEqual(AttributeDefinitions, [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: sortKey },
      ]);
      assert.equal(BillingMode, 'PAY_PER_REQUEST');
      assert.deepEqual(SSESpecification, { SSEEnabled: true, SSEType: 'KMS' });
      const [replica] = Replicas;
      assert.ok(replica.SSESpecification.KMSMasterKeyId);
      assert.equal(replica.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, true);
      assert.equal(replica.DeletionProtectionEnabled, true);
    });
  }
  test('speed rows go by themselves, control items never', () => {
    assert.deepEqual(table('SpeedTable').TimeToLiveSpecification, {
      AttributeName: 'ttl',
      Enabled: true,
    });
    assert.equal(table('ControlTable').TimeToLiveSpecification, undefined);
  });
  test('they outlive the stack', () => {
    for (const output of TABLES) {
      const { DeletionPolicy } = stack.resources('AWS::DynamoDB::GlobalTable')[
        stack.output(output)
      ]!;
      assert.equal(DeletionPolicy, 'Retain');
    }
  });
});

describe('the buckets', () => {
  test('are private, encrypted with the key, logged, and outlive the stack', () => {
    for (const output of BUCKETS) {
      const { Properties, DeletionPolicy } = bucket(output);
      assert.equal(DeletionPolicy, 'Retain', output);
      assert.ok(Object.values(Properties.PublicAccessBlockConfiguration).every(Boolean), output);
      assert.equal(Object.keys(Properties.PublicAccessBlockConfiguration).length, 4);
      const [rule] = Properties.BucketEncryption.ServerSideEncryptionConfiguration;
      assert.equal(rule.ServerSideEncryptionByDefault.SSEAlgorithm, 'aws:kms', output);
      assert.equal(rule.BucketKeyEnabled, true, output);
      assert.ok(Properties.LoggingConfiguration.DestinationBucketName, output);
    }
  });

  test('refuse everything that is not over TLS 1.2', () => {
    for (const output of BUCKETS) {
      const statements = policy(output);
      const denied = (operator: string, condition: object) =>
        statements.some(
          (statement) =>
            statement.Effect === 'Deny' &&
            statement.Action === 's3:*' &&
            statement.Resource.length === 2 &&
            JSON.stringify(statement.Condition) === JSON.stringify({ [operator]: condition }),
        );
      assert.ok(denied('Bool', { 'aws:SecureTransport': 'false' }), output);
      assert.ok(denied('NumericLessThan', { 's3:TlsVersion': 1.2 }), output);
    }
  });

  test('the master data set is versioned, locked, and takes an object only where there is none', () => {
    const { Properties } = bucket('RawBucket');
    assert.deepEqual(Properties.VersioningConfiguration, { Status: 'Enabled' });
    assert.equal(Properties.ObjectLockEnabled, true);
    assert.deepEqual(Properties.ObjectLockConfiguration.Rule.DefaultRetention, {
      Days: 365,
      Mode: 'GOVERNANCE',
    });
    const once = policy('RawBucket').find(({ Sid }) => Sid === 'PutOnceOnly');
    assert.equal(once.Effect, 'Deny');
    assert.deepEqual(once.Principal, { AWS: '*' });
    assert.equal(once.Action, 's3:PutObject');
    assert.match(JSON.stringify(once.Resource), /"\/raw\/\*"/);
    assert.deepEqual(once.Condition, {
      Null: { 's3:if-none-match': 'true' },
      Bool: { 's3:ObjectCreationOperation': 'true' },
    });
  });

  test('records move to cheaper classes that can be read at once, and never expire', () => {
    const rules = bucket('RawBucket').Properties.LifecycleConfiguration.Rules;
    assert.deepEqual(
      rules.flatMap((rule: { Transitions?: unknown[] }) => rule.Transitions ?? []),
      [
        { StorageClass: 'STANDARD_IA', TransitionInDays: 90 },
        { StorageClass: 'GLACIER_IR', TransitionInDays: 365 },
      ],
    );
    assert.ok(rules.every((rule: object) => !JSON.stringify(rule).includes('Expiration')));
  });
});

describe('the functions', () => {
  const settings = (name: (typeof FUNCTIONS)[number]) => {
    const { MemorySize, Timeout, Runtime, Architectures } = stack.function(name).Properties;
    return [Runtime, ...Architectures, MemorySize, Timeout];
  };
  test('are compiled, for arm64, with their memory and time-outs', () => {
    const expected = {
      archive: [1024, 120],
      speed: [1769, 120],
      query: [1769, 29],
      ingest: [512, 29],
      batch: [3538, 900],
    };
    for (const [name, numbers] of Object.entries(expected)) {
      assert.deepEqual(settings(name as never), ['provided.al2023', 'arm64', ...numbers], name);
    }
  });

  test('get the names of the stores that they are to use', () => {
    for (const name of ['archive', 'speed', 'query', 'ingest', 'batch'] as const) {
      const { Variables } = stack.function(name).Properties.Environment;
      const of = (variable: string): string => Variables[variable].Ref;
      assert.equal(of('ANABRANCH_STREAM'), stack.output('StreamName'));
      assert.equal(of('ANABRANCH_RAW_BUCKET'), stack.output('RawBucket'));
      assert.equal(of('ANABRANCH_VIEWS_BUCKET'), stack.output('ViewsBucket'));
      assert.equal(of('ANABRANCH_FAILURES_BUCKET'), stack.output('FailuresBucket'));
      assert.equal(of('ANABRANCH_SPEED_TABLE'), stack.output('SpeedTable'));
      assert.equal(of('ANABRANCH_CONTROL_TABLE'), stack.output('ControlTable'));
      assert.equal(Variables.ANABRANCH_EPOCH, '60s');
      assert.equal(stack.output('Epoch'), '60s');
    }
    const { Variables } = stack.function('batch').Properties.Environment;
    assert.equal(Variables.ANABRANCH_BATCH_EVERY, '15m');
    assert.equal(Variables.ANABRANCH_NATIVE_MAX_BYTES, '2147483648');
    assert.equal(Variables.ANABRANCH_GLUE_JOB, undefined);
  });

  test('of batch, one runs at a time, every minute, and ticks do not queue behind it', () => {
    assert.equal(stack.function('batch').Properties.ReservedConcurrentExecutions, 1);
    const { ScheduleExpression, FlexibleTimeWindow, Target, State } = stack.resource(
      'AWS::Scheduler::Schedule',
    ).Properties;
    assert.equal(ScheduleExpression, 'rate(1 minute)');
    assert.deepEqual(FlexibleTimeWindow, { Mode: 'OFF' });
    assert.equal(State ?? 'ENABLED', 'ENABLED');
    assert.deepEqual(JSON.parse(Target.Input), { action: 'tick' });
    assert.equal(Target.Arn['Fn::GetAtt'][0], stack.output('BatchFunction'));
    assert.equal(Target.RetryPolicy.MaximumRetryAttempts, 0);
    const queue = stack.resource('AWS::Lambda::EventInvokeConfig').Properties;
    assert.equal(queue.FunctionName.Ref, stack.output('BatchFunction'));
    assert.deepEqual([queue.MaximumEventAgeInSeconds, queue.MaximumRetryAttempts], [60, 0]);
  });

  test('logs are kept for a month', () => {
    for (const { Properties } of Object.values(stack.resources('AWS::Logs::LogGroup'))) {
      assert.equal(Properties.RetentionInDays, 30);
    }
  });
});

describe('the catalogue', () => {
  const { DatabaseName, TableInput } = stack.resource('AWS::Glue::Table').Properties;
  test('shows Athena the master data set, without partitions to be added', () => {
    assert.equal(DatabaseName.Ref, stack.output('Database'));
    assert.equal(TableInput.Parameters['projection.enabled'], 'true');
    assert.equal(TableInput.Parameters['projection.dt.range'], '2026-01-01,NOW+1DAYS');
    assert.equal(TableInput.Parameters['projection.hour.digits'], '2');
    const template = JSON.stringify(TableInput.Parameters['storage.location.template']);
    assert.match(template, /"\/raw\/dt=\$\{dt\}\/hour=\$\{hour\}\/"/);
    assert.deepEqual(
      TableInput.PartitionKeys.map(({ Name }: { Name: string }) => Name),
      ['dt', 'hour'],
    );
  });
});

describe('the columns that Athena sees', () => {
  /** Parquet's types, as Athena's names for them. */
  const athena = (type: string, annotation: string | undefined): string => {
    if (type === 'int64') return annotation?.startsWith('TIMESTAMP') ? 'timestamp' : 'bigint';
    return annotation === 'UTF8' ? 'string' : 'binary';
  };
  test('are those of a record file', () => {
    const message = /message record \{([^}]*)\}/.exec(readFileSync(RECORD_FILE, 'utf8'))![1]!;
    const columns = [...message.matchAll(/required (\w+) (\w+)(?: \(([^;]*)\))?;/g)];
    assert.equal(columns.length, 6);
    assert.deepEqual(
      stack.resource('AWS::Glue::Table').Properties.TableInput.StorageDescriptor.Columns,
      columns.map(([, type, Name, annotation]) => ({ Name, Type: athena(type!, annotation) })),
    );
  });
});

function policy(output: string): any[] {
  const found = Object.values(stack.resources('AWS::S3::BucketPolicy')).filter(
    ({ Properties }) => Properties.Bucket.Ref === stack.output(output),
  );
  assert.equal(found.length, 1);
  return found[0]!.Properties.PolicyDocument.Statement;
}

test('the key is rotated and outlives the stack', () => {
  assert.equal(key.Properties.EnableKeyRotation, true);
  assert.equal(key.DeletionPolicy, 'Retain');
});
