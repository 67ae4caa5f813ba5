/**
 * What is measured: by the functions themselves, as `functions/host/src/metrics.rs` and its callers
 * write it, and by AWS. The names stand here and nowhere else.
 *
 * None has a label, and alarms do no arithmetic: a metric with either takes a form that ministack
 * refuses, and the stack that is tested there is the one that is deployed.
 */

import { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import type { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';

const NAMESPACE = 'Anabranch';

/** What functions say of themselves. */
export const own = {
  speed: ['Events', 'Rejected', 'RowsWritten', 'Conflicts', 'WriteUnits', 'Lag'],
  archive: ['Records', 'Objects', 'Lag'],
  batch: ['HorizonLag', 'Published', 'FailedBuilds', 'GivenUpWaiting'],
} as const;

type Own = typeof own;

/** A number that a function writes down itself. `Lag` and `HorizonLag` are in milliseconds. */
export function ownMetric<F extends keyof Own>(
  stream: IStream,
  name: F,
  metricName: Own[F][number],
  statistic: string = Stats.SUM,
): Metric {
  return new Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap: { Stream: stream.streamName, Function: name },
    statistic,
    period: Duration.minutes(5),
  });
}

/** Events that a mapping gave up, and those that it could not even put into the failures bucket. */
export function mappingMetric(
  mapping: EventSourceMapping,
  metricName: 'OnFailureDestinationDeliveredEventCount' | 'DroppedEventCount',
): Metric {
  return new Metric({
    namespace: 'AWS/Lambda',
    metricName,
    dimensionsMap: { EventSourceMappingUUID: mapping.eventSourceMappingId },
    statistic: Stats.SUM,
    period: Duration.minutes(5),
  });
}

/** How old the records are that a function was given last, in milliseconds. */
export function iteratorAge(functionName: string): Metric {
  return new Metric({
    namespace: 'AWS/Lambda',
    metricName: 'IteratorAge',
    dimensionsMap: { FunctionName: functionName },
    statistic: Stats.MAXIMUM,
    period: Duration.minutes(1),
  });
}
