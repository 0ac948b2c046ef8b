-- Renew leases that are still ours. ARGV: prefix, kind, life ms, n, then partition, token each. Returns 1 or 0 for each.
local kind, life, n = take(), take(), tonumber(take())
local result = {}
for g = 1, n do
  local p, token = take(), take()
  result[g] = token_of(kind, p) == token and call('PEXPIRE', P .. kind .. ':' .. p, life) or 0
end
return result
