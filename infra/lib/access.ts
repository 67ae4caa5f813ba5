/**
 * What functions may do, statement by statement.
 *
 * CDK's grants are wider than what the adapters call: reading a table includes scanning it, writing
 * to a bucket includes removing from it. The statements here name the calls of `crates/stores`, and
 * nothing else. Objects are granted by prefix, which takes a wildcard; each comes with its reason.
 */

import { Aws } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';

/** A statement, and why it needs a wildcard, if it does. */
export interface Access {
  readonly statement: PolicyStatement;
  readonly wildcard?: string;
}

function allow(actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions, resources });
}

/**
 * Reading objects, by prefix. It includes listing the bucket: S3 answers a request for an object that
 * is not there with 404 only to those who may list, and without a condition on the prefix, which such
 * a request does not have. With 403 a view without a version would look like a missing permission.
 */
export function readObjects(bucket: IBucket, prefixes: string[]): Access[] {
  return [
    { statement: allow(['s3:ListBucket'], [bucket.bucketArn]) },
    objects(bucket, ['s3:GetObject'], prefixes, 'objects are named by what they hold'),
  ];
}

/** `actions` on objects, by prefix. */
export function objects(
  bucket: IBucket,
  actions: string[],
  prefixes: string[],
  why = 'objects are named by what they hold',
): Access {
  const resources = prefixes.map((prefix) => bucket.arnForObjects(`${prefix}/*`));
  return { statement: allow(actions, resources), wildcard: why };
}

/** `actions` on the items of a table: on those whose partition key is like one of `keys`. */
export function items(table: ITable, actions: string[], keys?: string[]): Access {
  const statement = allow(
    actions.map((action) => `dynamodb:${action}`),
    [table.tableArn],
  );
  if (keys !== undefined) {
    statement.addCondition('ForAllValues:StringLike', { 'dynamodb:LeadingKeys': keys });
  }
  return { statement };
}

/** `actions` on a stream. */
export function onStream(stream: IStream, actions: string[]): Access {
  const named = actions.map((action) => `kinesis:${action}`);
  return { statement: allow(named, [stream.streamArn]) };
}

/** What Lambda does, as the function, to read a stream for it. */
export function consume(stream: IStream): Access {
  return onStream(stream, [
    'DescribeStream',
    'DescribeStreamSummary',
    'GetRecords',
    'GetShardIterator',
    'ListShards',
  ]);
}

/** What Lambda does, as the function, to keep what was given up. */
export function giveUpTo(failures: IBucket): Access[] {
  return [
    { statement: allow(['s3:ListBucket'], [failures.bucketArn]) },
    objects(
      failures,
      ['s3:PutObject'],
      ['aws/lambda'],
      'Lambda names what was given up by its time',
    ),
  ];
}

const DECRYPT = ['kms:Decrypt', 'kms:DescribeKey'];
/** As DynamoDB, S3 and Kinesis call KMS for those who write to them; no wildcard. */
const ENCRYPT = [
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
];

/** Use of the key, through the services that hold data and not otherwise. */
export function useKey(key: IKey | undefined, use: 'decrypt' | 'encrypt'): Access[] {
  if (key === undefined) return [];
  const actions = use === 'decrypt' ? DECRYPT : [...DECRYPT, ...ENCRYPT];
  const statement = allow(actions, [key.keyArn]);
  const services = ['dynamodb', 'kinesis', 's3', 'secretsmanager'];
  statement.addCondition('StringEquals', {
    'kms:ViaService': services.map((name) => `${name}.${Aws.REGION}.amazonaws.com`),
  });
  return [{ statement }];
}
