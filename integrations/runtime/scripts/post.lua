-- Put one message into an outbox, for a listener that holds the integration; counted as any message to send.
-- ARGV: prefix, max outbox, partition, integration, body.
-- Returns the id of its entry; "nobody" when no listener holds the partition, "full" when as many wait as may.
local max_outbox, p, i, body = tonumber(take()), take(), take(), take()
if not token_of('listen', p) then return 'nobody' end
local outbox = P .. 'outbox:' .. i
local length = call('XLEN', outbox) + tonumber(call('GET', P .. 'packed:' .. i) or 0)
if length >= max_outbox then return 'full' end
if length == 0 then call('SADD', P .. 'outboxes', i) end
local id = call('XADD', outbox, '*', 'm', body)
count('sent:', i, hour_of(id), 'queued')
write_counts()
wake('listen', 'out', p, i)
send_wakes()
return id
