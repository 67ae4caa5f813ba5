/**
 * What each function may do: all of it, so that whoever adds a permission changes a line here.
 *
 * What a function lacks, the end-to-end test finds with IAM enforced; what it has too much of is found
 * nowhere else.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Synthesized } from './support.ts';

const stack = new Synthesized({ api: { auth: 'bearer' } });

const CONSUME = [
  'kinesis:DescribeStream stream',
  'kinesis:DescribeStreamSummary stream',
  'kinesis:GetRecords stream',
  'kinesis:GetShardIterator stream',
  'kinesis:ListShards stream',
];
const GIVE_UP = ['s3:ListBucket failures', 's3:PutObject failures/aws/lambda/*'];
const READ_RAW = ['s3:GetObject raw/raw/*', 's3:GetObject raw/shards/*', 's3:ListBucket raw'];
const READ_VIEWS = ['s3:GetObject views/views/*', 's3:ListBucket views'];
const READ_CONTROL = ['dynamodb:GetItem control', 'dynamodb:Query control'];

function assertMay(name: Parameters<Synthesized['may']>[0], expected: string[]): void {
  assert.deepEqual(stack.may(name), [...expected].sort());
}

test('archive puts into the master data set, and removes nothing', () => {
  assertMay('archive', [
    ...CONSUME,
    ...GIVE_UP,
    ...READ_RAW,
    ...READ_CONTROL,
    's3:PutObject raw/raw/*',
    's3:PutObject raw/shards/*',
    'dynamodb:PutItem control tail/*',
  ]);
});

test('speed cannot touch the master data set', () => {
  assertMay('speed', [
    ...CONSUME,
    ...GIVE_UP,
    ...READ_RAW,
    ...READ_CONTROL,
    'dynamodb:GetItem speed',
    'dynamodb:PutItem speed',
    'dynamodb:Query speed',
    'dynamodb:PutItem control checkpoint/* tail/*',
  ]);
});

test('query reads, and can write nothing', () => {
  assertMay('query', [
    ...READ_RAW,
    ...READ_VIEWS,
    ...READ_CONTROL,
    'dynamodb:GetItem speed',
    'dynamodb:Query speed',
  ]);
});

test('ingest puts into the stream, and can do nothing else', () => {
  assertMay('ingest', ['kinesis:PutRecords stream']);
});

test('batch writes views, mends, and removes nothing from the master data set', () => {
  assertMay('batch', [
    ...READ_RAW,
    ...READ_VIEWS,
    ...READ_CONTROL,
    'kinesis:GetRecords stream',
    'kinesis:GetShardIterator stream',
    'kinesis:ListShards stream',
    'kinesis:PutRecord stream',
    's3:PutObject raw/raw/*',
    's3:PutObject raw/shards/*',
    's3:PutObject views/views/*',
    's3:DeleteObject views/views/*',
    's3:GetObject failures/aws/lambda/*',
    's3:DeleteObject failures/aws/lambda/*',
    's3:ListBucket failures',
    'dynamodb:PutItem control',
    'dynamodb:DeleteItem speed',
    'dynamodb:GetItem speed',
    'dynamodb:PutItem speed',
    'dynamodb:Query speed',
    'dynamodb:UpdateItem speed',
  ]);
});

test('the authorizer reads the secret', () => {
  const [grant, ...more] = stack.may('authorizer');
  assert.match(grant!, /^secretsmanager:GetSecretValue HttpFrontTokensSecret/);
  assert.deepEqual(more, []);
});

test('who only reads can only decrypt, and only through the services that hold data', () => {
  for (const name of ['query', 'authorizer'] as const) {
    const [use, ...more] = stack
      .statements(name)
      .filter(({ Action }) => /^kms:/.test(String(Action)));
    assert.deepEqual(use!.Action, ['kms:Decrypt', 'kms:DescribeKey']);
    assert.deepEqual(Object.keys(use!.Condition!.StringEquals!), ['kms:ViaService']);
    assert.deepEqual(more, []);
  }
});

test('a listing has no condition, or S3 would answer 403 where there is no object', () => {
  for (const name of ['archive', 'speed', 'query', 'batch'] as const) {
    for (const statement of stack.statements(name)) {
      if (statement.Action === 's3:ListBucket') assert.equal(statement.Condition, undefined);
    }
  }
});

test('a function writes to its own log and no other', () => {
  const groups = new Set<string>();
  for (const name of ['archive', 'speed', 'query', 'ingest', 'batch', 'authorizer'] as const) {
    const logs = stack.statements(name).filter(({ Action }) => /^logs:/.test(String(Action)));
    assert.equal(logs.length, 1);
    const group: string = stack.function(name).Properties.LoggingConfig.LogGroup.Ref;
    assert.deepEqual(logs[0]!.Resource, { 'Fn::GetAtt': [group, 'Arn'] });
    groups.add(group);
  }
  assert.equal(groups.size, 6);
});

test('nobody in the stack is granted all of anything', () => {
  for (const type of ['AWS::IAM::Role', 'AWS::IAM::Policy']) {
    for (const [id, { Properties }] of Object.entries(stack.resources(type))) {
      const text = JSON.stringify([Properties.Policies, Properties.PolicyDocument]);
      assert.doesNotMatch(text, /"Action":"[^"]*\*|"[a-z0-9]+:[A-Za-z]*\*"/, id);
      assert.doesNotMatch(text, /"Resource":"\*"/, id);
    }
  }
});
