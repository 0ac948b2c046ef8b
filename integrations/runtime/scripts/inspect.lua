-- Keep what people may look at: the last messages of integrations, and what became of them.
-- ARGV: prefix, life (s), lists, then each: name, integration, most, items, then the items, oldest first
-- Of a list `messages` it is counted how many were ever kept, so that whoever follows knows what is new.
-- Returns 1; 0 when memory is short: then nothing is kept.
local life, lists = take(), tonumber(take())
local memory = call('INFO', 'memory')
local limit = tonumber(string.match(memory, '\nmaxmemory:(%d+)') or 0)
if limit > 0 and tonumber(string.match(memory, 'used_memory:(%d+)')) > 0.8 * limit then return 0 end
for _ = 1, lists do
  local name, i, most, n = take(), take(), tonumber(take()), tonumber(take())
  local list = P .. name .. ':' .. i
  call('RPUSH', list, unpack(A, at + 1, at + n))
  at = at + n
  call('LTRIM', list, -most, -1)
  call('EXPIRE', list, life)
  if name == 'messages' then call('HINCRBY', P .. 'inspected', i, n) end
end
return 1
