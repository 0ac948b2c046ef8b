-- End events and hand over what their runs send, in one step.
-- ARGV: prefix, max outbox, operations, then each one of
--   F partition token integration id size outcome event repeated sends, then a send: visit, target partition, target, body
--     ends an event; its sends go out only if it was still there. repeated: 1 when earlier sends of the event may exist.
--   S partition token integration id event visit, target partition, target, body
--     a send of an event whose runs go on; refused once the event has ended.
-- Returns {tokens that are lost, congested outboxes}.
local max_outbox, n = tonumber(take()), tonumber(take())
local lost, congested = {}, {}
local touched = {}

local function drop_oldest(i)
  local first = redis.call('XRANGE', P .. 'outbox:' .. i, '-', '+', 'COUNT', 1)[1]
  redis.call('XDEL', P .. 'outbox:' .. i, first[1])
  count('sent', i, hour_of(first[1]), 'dropped:full', 1)
end

local function send(p, i, body)
  local outbox = P .. 'outbox:' .. i
  local length = redis.call('XLEN', outbox)
  if length >= max_outbox then
    local status = redis.call('GET', P .. 'status:' .. i)
    if length < 10 * max_outbox and status and string.find(status, '"state":"connected"', 1, true) then
      congested[#congested + 1] = i
    else
      drop_oldest(i)
    end
  end
  local id = redis.call('XADD', outbox, '*', 'm', body)
  count('sent', i, hour_of(id), 'queued', 1)
  if length == 0 then redis.call('SADD', P .. 'outboxes', i) end
  if not touched['o' .. i] then
    touched['o' .. i] = true
    wake('listen', 'out', p, i)
  end
end

for _ = 1, n do
  local op, p, token = take(), take(), take()
  if op == 'F' then
    local i, id, size, outcome, event = take(), take(), tonumber(take()), take(), take()
    local repeated, sends = take() == '1', tonumber(take())
    if not holds('run', p, token) then
      lost[#lost + 1] = token
      at = at + 4 * sends
    elseif not finish(i, p, id, size, outcome) then
      at = at + 4 * sends
    else
      for _ = 1, sends do
        local visit, target_p, target, body = take(), take(), take(), take()
        if not repeated or redis.call('HSETNX', P .. 'sends:' .. event, visit, 1) == 1 then
          send(target_p, target, body)
        end
      end
      if repeated then
        redis.call('DEL', P .. 'sends:' .. event)
        redis.call('HDEL', P .. 'starts:' .. i, id)
      end
      touched['i' .. i] = {i, p}
    end
  else
    local i, id, event = take(), take(), take()
    local visit, target_p, target, body = take(), take(), take(), take()
    if not holds('run', p, token) then
      lost[#lost + 1] = token
    elseif #redis.call('XRANGE', P .. 'inbox:' .. i, id, id) == 1 and redis.call('HSETNX', P .. 'sends:' .. event, visit, 1) == 1 then
      redis.call('EXPIRE', P .. 'sends:' .. event, 3600)
      send(target_p, target, body)
    end
  end
end
for _, pair in pairs(touched) do
  if pair ~= true then forget_if_empty(pair[1], pair[2]) end
end
write_counts()
send_wakes()
return {lost, congested}
