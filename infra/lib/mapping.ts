/**
 * How Lambda delivers the records of the stream to a layer.
 *
 * One delivery at a time per shard, in order, from the shard's beginning. A delivery that fails is cut
 * in halves and made again, thousands of times; what is given up at last goes to the failures bucket
 * whole, from where `batch` delivers it to the archive. See decision 0015.
 */

import { Duration } from 'aws-cdk-lib';
import {
  EventSourceMapping,
  type Function,
  type IEventSourceDlq,
  MetricType,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Config } from './config.ts';

export function deliver(
  scope: Construct,
  id: string,
  config: Config,
  stream: IStream,
  target: Function,
  failures: IBucket,
  { batchRecords, batchWindowSeconds }: { batchRecords: number; batchWindowSeconds: number },
): EventSourceMapping {
  // CDK's own destination lets the function read and remove what is in the bucket as well.
  const onFailure: IEventSourceDlq = { bind: () => ({ destination: failures.bucketArn }) };
  return new EventSourceMapping(scope, id, {
    target,
    enabled: config.delivery.enabled,
    eventSourceArn: stream.streamArn,
    startingPosition: StartingPosition.TRIM_HORIZON,
    batchSize: batchRecords,
    maxBatchingWindow: Duration.seconds(batchWindowSeconds),
    parallelizationFactor: 1,
    reportBatchItemFailures: true,
    bisectBatchOnError: true,
    retryAttempts: config.delivery.retries,
    maxRecordAge: Duration.hours(config.delivery.maxAgeHours),
    onFailure,
    metricsConfig: { metrics: [MetricType.EVENT_COUNT] },
  });
}
