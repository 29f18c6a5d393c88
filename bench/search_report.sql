-- The tables of `python -m bench.search`: as many accounts as :users, and what they did in the last month.

WITH parts AS (SELECT
  ARRAY['Ada','Alan','Alice','Amara','Anna','Bela','Bob','Carla','Chen','Dana','David','Elena','Emil','Eva','Farid','Finn','Grace','Hana','Henry',
    'Igor','Ines','Ivan','Jana','John','Jun','Karl','Kemal','Lara','Lena','Liam','Lucia','Maria','Max','Mei','Mila','Nadia','Nils','Noah','Olga',
    'Omar','Paula','Pedro','Petra','Rosa','Samir','Sara','Sofia','Stan','Sven','Tara','Theo','Tom','Uma','Vera','Wei','Yara','Yusuf','Zoe','Zuri',
    'Émile'] AS first,
  ARRAY['ba','ber','bo','cha','da','del','do','fa','fer','ga','gra','ha','hol','in','ka','kel','ki','la','len','li','lo','ma','man','mer','mi','na',
    'ner','no','pa','per','ra','ri','ro','sa','sen','ser','sho','ta','ter','to','va','ver','vi','wa','wel','za'] AS syllables),
named AS (SELECT n, first[1 + n * 7919 % 60] AS first,
  syllables[1 + n * 104729 % 46] || syllables[1 + n / 46 * 31 % 46] || syllables[1 + n / 2116 * 17 % 46] AS last
  FROM parts, generate_series(1::bigint, :users) n)
INSERT INTO accounts_user (id, password, is_superuser, is_staff, uuid, username, email, name, organization, aws_region, language, is_active,
  must_change_password, epoch, created_at, updated_at, last_login)
SELECT n, CASE WHEN n % 400 = 7 THEN '!' ELSE 'argon2$argon2id$v=19$m=19456,t=2,p=1$' END || md5(n::text), n % 200000 = 9, n % 20000 = 9,
  gen_random_uuid(), lower(first || '.' || last || n),
  lower(first || '.' || last || n) || CASE WHEN n > :users * 0.95 THEN '@acme.example' WHEN n % 3 = 0 THEN '@post.example' ELSE '@example.com' END,
  first || ' ' || initcap(last), '', '', '', n % 300 <> 3, n % 500 = 11, 0, now(), now(), now() - n % 90 * interval '1 day' FROM named;

INSERT INTO accounts_session (id, user_id, contract, created_at, last_used_at, expires_at, address, user_agent, refresh_jti, previous_jti, revoked_why,
  revoked_at)
SELECT gen_random_uuid(), 1 + n * 7919 % :users, (ARRAY['bearer', 'camel', 'form', 'challenge'])[1 + n % 4], at, at, at + interval '7 days',
  ('10.' || n % 256 || '.' || n / 256 % 256 || '.7')::inet, 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  md5(n::text), '', CASE WHEN n % 3 = 0 THEN 'logout' ELSE '' END, CASE WHEN n % 3 = 0 THEN at END
FROM (SELECT n, now() - (3 * :users - n) * interval '30 days' / (3 * :users) AS at FROM generate_series(1::bigint, 3 * :users) n) days;

INSERT INTO accounts_outgoingmail (kind, typed, user_id, fate, recipient, language, contract, user_agent, request_id, created_at, next_try_at,
  give_up_at, tries, closed_at, error, data)
SELECT CASE WHEN n = 77 THEN 'key_leaked' WHEN n % 2 = 0 THEN 'reset' ELSE 'password_changed' END, 'typed' || n, 1 + n * 7919 % :users,
  CASE WHEN n % 50000 = 5 THEN 'failed' WHEN n % 50 = 6 THEN 'nobody' ELSE 'sent' END, '', '', 'bearer', '', left(md5(n::text), 16), at, at, at, 1,
  at, '', '{}'
FROM (SELECT n, now() - (:users - n) * interval '30 days' / :users AS at FROM generate_series(1::bigint, :users) n) days;

INSERT INTO apikeys_apikey (id, owner_id, name, digest, last_four, scope, created_at, expires_at, last_used_at, ended_at, ended_why)
SELECT left(md5(n::text), 8), 1 + n % greatest(:users / 14, 1), (ARRAY['CI', 'Staging', 'backup', 'deploy bot'])[1 + n % 4] || ' ' || n, repeat(md5(n::text), 2),
  'abcd', 'profile', at, CASE WHEN n % 10 = 0 THEN at + interval '300 days' END,
  CASE WHEN n % 7 > 0 THEN greatest(at, now() - (n * 7919 % 1000) * interval '3 hours') END, CASE WHEN n % 20 = 0 THEN at END, ''
FROM (SELECT n, now() - (:users - n) * interval '360 days' / :users AS at FROM generate_series(1::bigint, :users) n) days
ON CONFLICT DO NOTHING;

INSERT INTO accounts_auditevent (at, kind, user_id, name, session, contract, address, request_id, reason)
SELECT now() - (3 * :users - n) * interval '30 days' / (3 * :users), CASE WHEN n % 10 = 0 THEN 'login_failed' ELSE 'login' END,
  1 + n * 7919 % :users, 'alice', NULL, 'bearer', '10.0.0.1', left(md5(n::text), 16), '' FROM generate_series(1::bigint, 3 * :users) n;
