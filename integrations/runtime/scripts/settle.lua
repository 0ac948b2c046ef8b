-- End events and hand over what their runs send, in one step.
-- ARGV: prefix, max outbox, operations, then each one of
--   F partition token integration id size outcome event repeated sends, then a send: visit, target partition, target, body
--     ends an event; its sends go out only if it was still there. repeated: 1 when earlier sends of the event may exist.
--   S partition token integration id event visit, target partition, target, body
--     a send of an event whose runs go on; refused once the event has ended.
-- Returns {tokens that are lost, congested outboxes}.
local max_outbox, n = tonumber(take()), tonumber(take())
local lost, congested = {}, {}
local inboxes, outboxes = {}, {}

local function drop_oldest(i)
  local first = call('XRANGE', P .. 'outbox:' .. i, '-', '+', 'COUNT', 1)[1]
  if not first then return end
  call('XDEL', P .. 'outbox:' .. i, first[1])
  count('sent:', i, hour_of(first[1]), 'dropped:full')
end

local function connected(i)
  local status = call('GET', P .. 'status:' .. i)
  return status and string.find(status, '"state":"connected"', 1, true)
end

local function send(p, i, body)
  local outbox = P .. 'outbox:' .. i
  local length = outboxes[i]
  if not length then
    length = call('XLEN', outbox)
    if length == 0 then call('SADD', P .. 'outboxes', i) end
    wake('listen', 'out', p, i)
  end
  if length >= max_outbox then
    if length < 10 * max_outbox and connected(i) then
      congested[#congested + 1] = i
    else
      drop_oldest(i)
      length = length - 1
    end
  end
  outboxes[i] = length + 1
  count('sent:', i, hour_of(call('XADD', outbox, '*', 'm', body)), 'queued')
end

local runs, ahead = {}, at
for _ = 1, n do
  runs[A[ahead + 2]] = true
  ahead = ahead + 10 + (A[ahead + 1] == 'F' and 4 * tonumber(A[ahead + 10]) or 0)
end
read_tokens('run', runs)

for _ = 1, n do
  local op, p, token = A[at + 1], A[at + 2], A[at + 3]
  if op == 'F' then
    local i, id, outcome, event = A[at + 4], A[at + 5], A[at + 7], A[at + 8]
    local repeated, sends = A[at + 9] == '1', tonumber(A[at + 10])
    local size = tonumber(A[at + 6])
    at = at + 10
    if token_of('run', p) ~= token then
      lost[#lost + 1] = token
    elseif finish(i, id, size, outcome) then
      for k = at, at + 4 * (sends - 1), 4 do
        if not repeated or call('HSETNX', P .. 'sends:' .. event, A[k + 1], 1) == 1 then
          send(A[k + 2], A[k + 3], A[k + 4])
        end
      end
      if repeated then
        call('DEL', P .. 'sends:' .. event)
      end
      inboxes[i] = p
    end
    at = at + 4 * sends
  else
    local i, id, event, visit = A[at + 4], A[at + 5], A[at + 6], A[at + 7]
    if token_of('run', p) ~= token then
      lost[#lost + 1] = token
    elseif #call('XRANGE', P .. 'inbox:' .. i, id, id) == 1 and call('HSETNX', P .. 'sends:' .. event, visit, 1) == 1 then
      call('EXPIRE', P .. 'sends:' .. event, 3600)
      send(A[at + 8], A[at + 9], A[at + 10])
    end
    at = at + 10
  end
end
for i, p in pairs(inboxes) do
  if call('XLEN', P .. 'inbox:' .. i) == 0 then call('SREM', P .. 'ready:' .. p, i) end
end
write_counts()
send_wakes()
return {lost, congested}
