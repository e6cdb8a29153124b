"""A story of about a minute when spoken, long enough to be interrupted."""

STORY = """\
Here is a long story, and you may stop me at any time. \
At the end of a narrow valley stood a lighthouse, far away from any sea. \
Nobody knew why it had been built there, not even Ada, who kept it. \
Every evening she climbed the ninety-nine steps, lit the lamp, and looked out over the fields. \
The farmers did not mind the light, because it helped them to find their way home. \
One autumn night a thick fog filled the valley, and the lamp seemed to hang in the clouds. \
Ada heard a bell, slow and deep, where no bell had ever been. \
She opened the window and called into the fog, and to her surprise a voice answered. \
It belonged to the captain of a small boat, who had followed the river upstream for three days. \
He had mistaken the river for a bay, and the meadow for the open sea. \
Ada told him to steer toward the light, and to mind the cows. \
The boat came to rest beside the garden wall, and the captain stepped out into the cabbages. \
He was tired and hungry, so she gave him bread, cheese, and a chair beside the fire. \
In the morning the fog was gone, and they saw that the river had flooded the whole valley. \
From hill to hill there was nothing but water, shining in the sun. \
Then Ada understood what the lighthouse was for. \
Somebody, long ago, had seen the valley turn into a sea, and had built it for the next time. \
All that day the captain and Ada sailed from farm to farm, and brought everyone to dry land. \
When the water had gone, the farmers painted the lighthouse white and red, like a real one. \
And the captain stayed, because somebody had to look after the boat until the sea came back."""
