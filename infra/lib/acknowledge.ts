/** Findings of cdk-nag that are meant, each with its reason. */

import { Stack, Validations } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** Acknowledges one finding on `construct` and what is below it. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** Acknowledges every wildcard among the resources of `statement`, which a policy below `construct` holds. */
export function acknowledgeWildcards(
  construct: IConstruct,
  statement: PolicyStatement,
  reason: string,
): void {
  for (const resource of statement.resources) {
    const name = flatten(Stack.of(construct).resolve(resource));
    if (name.includes('*')) acknowledge(construct, `AwsSolutions-IAM5[Resource::${name}]`, reason);
  }
}

/** A resolved ARN as cdk-nag writes it in a finding: `<LogicalId.Arn>/prefix/*`. */
function flatten(value: unknown): string {
  if (typeof value === 'string') return value;
  const token = value as {
    'Fn::Join'?: [string, unknown[]];
    'Fn::GetAtt'?: [string, string];
    Ref?: string;
  };
  if (token['Fn::Join'] !== undefined) {
    const [separator, parts] = token['Fn::Join'];
    return parts.map(flatten).join(separator);
  }
  if (token['Fn::GetAtt'] !== undefined) return `<${token['Fn::GetAtt'].join('.')}>`;
  if (token.Ref !== undefined) return `<${token.Ref}>`;
  throw new Error(`an ARN is made of something else: ${JSON.stringify(value)}`);
}
