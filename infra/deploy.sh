#!/usr/bin/env bash
# Deploys a project to the AWS account and region that the environment names. What is missing is said
# with the command that gets it; what CDK finds wrong it says itself.
set -euo pipefail

project=${1:-}
cd "$(dirname "$0")"

fail() {
    printf 'deploy: %s\n' "$@" >&2
    exit 1
}

[ -n "$project" ] || fail "which project? make deploy PROJECT=folder"
project=$(cd .. && realpath -e -- "$project" 2> /dev/null) || fail "$1: no such folder"
[ -f "$project/schema.sql" ] || fail "$1: no schema.sql, so this is no project: \`anabranch init\` makes one"

if [ -z "${AWS_ACCESS_KEY_ID:-}${AWS_PROFILE:-}${AWS_WEB_IDENTITY_TOKEN_FILE:-}${AWS_CONTAINER_CREDENTIALS_RELATIVE_URI:-}${AWS_CONTAINER_CREDENTIALS_FULL_URI:-}" ] &&
    [ ! -e ~/.aws/credentials ] && [ ! -e ~/.aws/config ]; then
    fail "no credentials for AWS: \`aws configure sso\` or \`aws configure\` gets some," \
        "or set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
npx cdk deploy --no-notices --context project="$project" --outputs-file cdk.out/outputs.json 2> >(tee "$log" >&2) || status=$?
if [ "$status" -ne 0 ] && grep -q 'cdk bootstrap' "$log"; then
    fail "CDK keeps what it deploys in a bucket of the account, once per account and region. Make it with:" \
        "    infra/node_modules/.bin/cdk bootstrap aws://ACCOUNT/REGION"
fi
exit "$status"
