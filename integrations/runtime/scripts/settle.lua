-- End events and hand over what their runs send, in one step.
-- ARGV: prefix, max outbox, share (see `beyond`), max inbox (events), leases, then each: partition, token; targets, then each: partition,
--       integration; groups, then each: number of its lease, integration, operations, then each operation one of
--   outcome, id, size, event, sends, then a send: visit, number of its target, body
--     ends an event; its sends go out only if it was still there. event: empty unless earlier sends of it may exist; only
--     then a send has its visit. One that was sent by request has `<number of its target>:<outcome>` and no body.
--   S, id, event, visit, number of its target, body
--     a send of an event whose runs go on; refused once the event has ended.
-- Messages for one outbox become packs, a JSON array of bodies in field p and their number in field n, where it is connected: an
-- entry and its end then cost once for many. Elsewhere each is an entry of its own, so that the oldest can be dropped one by one.
-- A target whose integration begins with > is the inbox of the workflow of that id, and the body an event.
-- Returns {tokens that are lost, congested targets, partitions that need a worker}.
local max_outbox, share, max_inbox = tonumber(take()), tonumber(take()), tonumber(take())
local lost, congested, need = {}, {}, {}

local runs, partitions, tokens = tonumber(take()), {}, {}
for k = 1, runs do
  partitions[k], tokens[k] = take(), take()
end
local wanted = {}
for k = 1, runs do wanted[partitions[k]] = true end
read_tokens('run', wanted)
for k = 1, runs do
  if token_of('run', partitions[k]) ~= tokens[k] then
    lost[#lost + 1] = tokens[k]
    tokens[k] = false
  end
end

local targets = {}
for k = 1, tonumber(take()) do
  targets[k] = {p = take(), i = take()}
  if string.byte(targets[k].i) == 62 then  -- >
    targets[k].i, targets[k].inbox = string.sub(targets[k].i, 2), true
  end
end

-- Puts an event into the inbox of a workflow. Twice its bound is the most: what comes then is dropped and counted.
local function put(target, event)
  local i, inbox = target.i, P .. 'inbox:' .. target.i
  if not target.length then
    target.length = call('XLEN', inbox)
    if target.length == 0 then call('SADD', P .. 'ready:' .. target.p, i) end
    if not wake('run', 'wake', target.p, i) then need[#need + 1] = tonumber(target.p) end
    target.excess = tonumber(call('HGET', P .. 'box:' .. i, 'bytes') or 0)
  end
  local more = beyond(#event, share)
  local bytes = (target.length + 1) * share + target.excess + more
  if target.length >= 2 * max_inbox or bytes > 2 * max_inbox * share then
    local now = hour_of(call('TIME')[1] .. '000')
    count('ledger:', i, now, 'signals')
    count('ledger:', i, now, 'dropped:full')
    return
  end
  if target.length >= max_inbox then congested[#congested + 1] = '>' .. i end
  if more > 0 then call('HINCRBY', P .. 'box:' .. i, 'bytes', more) end
  target.length, target.excess, gained = target.length + 1, target.excess + more, gained + #event
  count('ledger:', i, hour_of(call('XADD', inbox, '*', 'e', event)), 'signals')
end

local PACK_MESSAGES, PACK_BYTES = 50, 65536

local function connected(target)
  if target.connected == nil then
    local status = call('GET', P .. 'status:' .. target.i)
    target.connected = status and string.find(status, '"state":"connected"', 1, true) and true or false
  end
  return target.connected
end

local function begin(target)
  target.outbox, target.bodies, target.bytes = P .. 'outbox:' .. target.i, {}, 0
  target.length = call('XLEN', target.outbox)
  if target.length == 0 then
    call('SADD', P .. 'outboxes', target.i)
  else
    target.length = target.length + tonumber(call('GET', P .. 'packed:' .. target.i) or 0)
  end
  wake('listen', 'out', target.p, target.i)
end

-- Writes what was gathered for an outbox.
local function write(target)
  local bodies, i = target.bodies, target.i
  local n = #bodies
  if n > 1 and connected(target) then
    local id = call('XADD', target.outbox, '*', 'p', '[' .. table.concat(bodies, ',') .. ']', 'n', n)
    call('INCRBY', P .. 'packed:' .. i, n - 1)
    count('sent:', i, hour_of(id), 'queued', n)
  else
    for k = 1, n do
      count('sent:', i, hour_of(call('XADD', target.outbox, '*', 'm', bodies[k])), 'queued')
    end
  end
  target.bodies, target.bytes = {}, 0
end

-- A message that was sent by request: "<number of its target>:<outcome>" is all that is left of it.
local function count_sent(text)
  local number, outcome = string.match(text, '^(%d+):(.+)$')
  local i, hour = targets[tonumber(number)].i, hour_of(call('TIME')[1] .. '000')
  count('sent:', i, hour, 'queued')
  count('sent:', i, hour, outcome)
end

local function send(number, body)
  local target = targets[tonumber(number)]
  if not target then return count_sent(number) end
  if target.inbox then return put(target, body) end
  if not target.length then begin(target) end
  if target.length >= max_outbox then
    if target.length < 10 * max_outbox and connected(target) then
      congested[#congested + 1] = target.i
    else
      write(target)
      target.length = target.length - drop_sends(target.i, call('XRANGE', target.outbox, '-', '+', 'COUNT', 1), 'full')
    end
  end
  target.length, target.bytes = target.length + 1, target.bytes + #body
  target.bodies[#target.bodies + 1] = body
  if #target.bodies >= PACK_MESSAGES or target.bytes >= PACK_BYTES then write(target) end
end

local TOGETHER = 1000

-- The ids of the events that the next operations end; nil where there is another kind among them, or nothing to gain.
local function ids_ended(operations)
  if operations < 2 or operations > TOGETHER then return nil end
  local ids, k = {}, at
  for n = 1, operations do
    if A[k + 1] == 'S' then return nil end
    ids[n] = A[k + 2]
    k = k + 5 + (A[k + 4] == '' and 2 or 3) * tonumber(A[k + 5])
  end
  return ids
end

-- Takes entries out of an inbox in one step; returns those that were not there any more. That can only be the oldest among them:
-- nobody else takes entries but from the front.
local function take_together(inbox, ids)
  local gone, missing = {}, #ids - call('XDEL', inbox, unpack(ids))
  if missing > 0 then
    table.sort(ids, function(a, b) return later(b, a) end)
    for k = 1, missing do gone[ids[k]] = true end
  end
  return gone
end

local emptied = {}

for _ = 1, tonumber(take()) do
  local number, i = tonumber(take()), take()
  local ours, inbox = tokens[number], P .. 'inbox:' .. i
  local ended, as, hour = 0, nil, nil
  local operations = tonumber(take())
  local ids = ours and ids_ended(operations)
  local gone = ids and take_together(inbox, ids)
  for _ = 1, operations do
    local outcome, id = A[at + 1], A[at + 2]
    if outcome == 'S' then
      local event, visit = A[at + 3], A[at + 4]
      if ours and #call('XRANGE', inbox, id, id) == 1 and call('HSETNX', P .. 'sends:' .. event, visit, 1) == 1 then
        call('EXPIRE', P .. 'sends:' .. event, 3600)
        send(A[at + 5], A[at + 6])
      end
      at = at + 6
    else
      local event, sends = A[at + 4], tonumber(A[at + 5])
      local repeated = event ~= ''
      local width = repeated and 3 or 2
      local size, there = tonumber(A[at + 3]), false
      if gone then
        there = not gone[id]
        if there then note_left(i, size, share) end
      elseif ours then
        there = take_out(i, inbox, id, size, share)
      end
      at = at + 5
      if there then
        local received = hour_of(id)
        if received ~= hour or outcome ~= as then
          if ended > 0 then count('ledger:', i, hour, as, ended) end
          ended, as, hour = 0, outcome, received
        end
        ended = ended + 1
        for k = at, at + width * (sends - 1), width do
          if not repeated then
            send(A[k + 1], A[k + 2])
          elseif call('HSETNX', P .. 'sends:' .. event, A[k + 1], 1) == 1 then
            send(A[k + 2], A[k + 3])
          end
        end
        if repeated then call('DEL', P .. 'sends:' .. event) end
      end
      at = at + width * sends
    end
  end
  if ended > 0 then
    count('ledger:', i, hour, as, ended)
    emptied[i] = partitions[number]
  end
end
for i, p in pairs(emptied) do
  if call('XLEN', P .. 'inbox:' .. i) == 0 then call('SREM', P .. 'ready:' .. p, i) end
end
for _, target in ipairs(targets) do
  if target.bodies then write(target) end
end
write_counts()
send_wakes()
return {lost, congested, need}
