/**
 * Each rule of the protocol that the model can be told to leave out, to show that the simulation finds it missing.
 * The text says what happens instead.
 */
export const rules = {
  'base check': 'a PUT is applied whatever stands there',
  'one in flight': 'a second PUT of a path leaves before the first is answered',
  'one lane for decisions': 'ACK and REJ travel on the bulk lane',
  'ancestor moves at the answer': 'the agreement moves when the PUT is sent',
  'apply before log': 'the laptop logs the new ancestor before it applies',
  'stale answers': 'an ACK counts although the base moved under its PUT',
  'nobody sends before BASES': 'the pod sends as soon as it is connected',
  'racy reads': 'a hash counts although the file changed in the same tick as it was read',
  'racy reads twice': 'content that was read in the tick of its change counts as whole',
  'clock steps back': 'cached hashes stay after the wall clock went back',
  'proof after apply': 'whatever stands there after an apply counts as ours',
  'mode in the proof': 'the proof after an apply leaves the mode out',
  'stat after read': 'a file that changes while it is read counts as whole',
  'second look': 'nothing is looked at again before the rename',
  'inode check': 'the second look compares content only, not that it is the trashed inode',
  'trash link': 'what is replaced is gone at once',
  'late looks': 'nobody looks into the trash later',
  'named trash': 'what lies in the trash at a start is removed',
  'grab, then look': 'a delete checks, then unlinks',
  'no clobber': 'a creation is a rename',
  'rmdir only': 'a folder is removed with what is in it',
  'full folders win': 'the laptop refuses to delete a folder that is not empty',
  'shells are absent': 'a folder that stands only for ignored files counts like any other',
  'look again after staging': 'a PUT names the content that was staged, whatever stands there now',
  'subtrees replace nothing': 'a staged subtree takes the place of whatever stands there',
  'copy before ACK': 'the conflict copy is written after the ACK and the log',
  'copies are synced': 'a conflict copy is not synced',
  'void after a power cut': 'the ancestors stay valid after a power cut',
  'two whole intervals': 'after a power cut every ancestor older than the last checkpoint counts',
  'other pods have no ancestor': 'the ancestors stay valid whoever the pod is',
  'older epochs': 'a marker with a lower epoch is accepted',
  'younger epochs': 'a marker with a higher epoch means first contact',
  'history of the epoch': 'after a start of the agent all ancestors of this epoch count',
  'marker before BASES count': 'the pod goes on before its marker is written',
} as const

export type Rule = keyof typeof rules
