-- Bring an hour back into Redis that ran out there, and count what ended in one way as ended in another.
-- ARGV: prefix, n, then each: ledger (`ledger:` or `sent:`), source, hour, mark, from, to, number, pairs, then name and count each
-- mark: empty, or what the move is known by: asked again within the day it happens once. from: empty for no move.
-- pairs: what the database knows of the hour; taken when Redis does not know any more what was received in it.
-- Returns how many were moved, for each.
local result = {}
for g = 1, tonumber(take()) do
  local ledger, i, hour, mark, from, to, number, pairs_ = take(), take(), take(), take(), take(), take(), tonumber(take()), tonumber(take())
  local row = P .. ledger .. i .. ':' .. hour
  local whole = call('HEXISTS', row, 'messages') + call('HEXISTS', row, 'signals') + call('HEXISTS', row, 'queued') > 0
  for k = 1, pairs_ do
    local name, known = take(), take()
    if not whole then call('HINCRBY', row, name, known) end
  end
  if not whole and pairs_ > 0 then call('EXPIRE', row, 259200) end
  local moved = 0
  if from ~= '' and (mark == '' or call('SET', P .. 'moved:' .. mark, 1, 'NX', 'EX', 86400)) then
    moved = math.min(number, tonumber(call('HGET', row, from) or 0))
    if moved > 0 then
      count(ledger, i, hour, from, -moved)
      count(ledger, i, hour, to, moved)
    end
  end
  result[g] = moved
end
write_counts()
return result
