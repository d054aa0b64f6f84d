# Users: GET lists some, everything else writes one and reads it back.
require "aws-sdk-dynamodb"
require "json"
require "securerandom"

TABLE = ENV.fetch("USERS_TABLE")
DYNAMODB = Aws::DynamoDB::Client.new

def handler(event:, context:)
  return answer(200, users: DYNAMODB.scan(table_name: TABLE, limit: 20).items) if event["httpMethod"] == "GET"

  key = { "userId" => SecureRandom.uuid }
  DYNAMODB.put_item(table_name: TABLE, item: key.merge("name" => "someone"))
  answer(200, user: DYNAMODB.get_item(table_name: TABLE, key: key, consistent_read: true).item)
end

def answer(status, body)
  { statusCode: status, headers: { "content-type" => "application/json" }, body: JSON.generate(body) }
end
